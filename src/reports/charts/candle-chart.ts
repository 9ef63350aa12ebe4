import { profileStep, valueArea } from '../../analytics/volume-profile.ts';
import { nominalLengthUs } from '../../domain/interval.ts';
import { changeText, countText, valueText } from '../figure-text.ts';
import type { Bar, GapFigure, InstrumentFact, Profile } from '../figures.ts';
import { valueScale } from '../figures.ts';
import { html, type Markup } from '../markup.ts';
import { box, drawing, largest, px, TimeAxis, timeLabels, valueLabel, valueLine } from './plot.ts';

export interface CandleChart {
  readonly range: { readonly fromUs: number; readonly toUs: number };
  readonly bars: readonly Bar[];
  /** Length of a bar, by its interval's name. */
  readonly interval: Parameters<typeof nominalLengthUs>[0];
  readonly fact: InstrumentFact;
  readonly profile: Profile | undefined;
  /** Gaps that candles suffer from. */
  readonly gaps: readonly GapFigure[];
}

const width = 706;
const height = 404;
const axisWidth = 66;
const profileWidth = 100;
const plotWidth = width - axisWidth - profileWidth;
const volumeHeight = 62;
const labelHeight = 18;
const proofHeight = 5;
const priceHeight = height - labelHeight - volumeHeight - proofHeight;
const volumeTop = priceHeight + proofHeight;

/** Candles, what proves them, volume by taker side, and volume by price at the same height. */
export function candleChart({ range, bars, interval, fact, profile, gaps }: CandleChart): Markup {
  const priced = bars.filter(({ tradeCount }) => tradeCount > 0);
  const first = priced[0];
  const last = priced.at(-1);
  if (first === undefined || last === undefined) {
    return html`<p class="none">No trades are held in this range, so there is no chart.</p>`;
  }
  let { low, high } = first;
  for (const bar of priced) {
    if (bar.low < low) low = bar.low;
    if (bar.high > high) high = bar.high;
  }
  const pad = (high - low) / 24n + 1n;
  const bottom = low - pad;
  const top = high + pad;
  const y = (price: bigint) => (Number(top - price) / Number(top - bottom)) * priceHeight;
  const axis = new TimeAxis(range, plotWidth);
  const slot = (nominalLengthUs(interval) / (range.toUs - range.fromUs)) * plotWidth;
  const body = Math.max(1, Math.min(9, slot * 0.62));
  const mostVolume = largest(priced.map(({ volume }) => volume));

  const paths = {
    wickUp: '',
    wickDown: '',
    up: '',
    down: '',
    sell: '',
    buy: '',
    outline: '',
    forming: '',
    partial: '',
    partUp: '',
    partDown: '',
    quiet: '',
    proof: '',
    unproven: '',
    repaired: '',
    revised: '',
  };
  for (const bar of bars) {
    const left = axis.x(bar.openedAtUs);
    const right = axis.x(bar.endUs);
    const middle = (left + right) / 2;
    if (bar.state === 'final' || bar.state === 'no-trades') paths.proof += box(left, priceHeight + 1, right - left, 3);
    else if (bar.state === 'provisional' || bar.state === 'forming')
      paths.unproven += box(left, priceHeight + 1, right - left, 3);
    if (bar.tradeCount === 0) {
      if (bar.state === 'no-trades' && bar.close > bottom && bar.close < top)
        paths.quiet += `M${px(left)} ${px(y(bar.close))}H${px(right)}`;
      continue;
    }
    const isUp = bar.close >= bar.open;
    const wick = `M${px(middle)} ${px(y(bar.high))}V${px(Math.max(y(bar.low), y(bar.high) + 1))}`;
    const bodyTop = y(isUp ? bar.close : bar.open);
    const shape = box(middle - body / 2, bodyTop, body, Math.max(1, y(isUp ? bar.open : bar.close) - bodyTop));
    if (isUp) paths.wickUp += wick;
    else paths.wickDown += wick;
    if (bar.state === 'forming') paths.forming += shape;
    else if (bar.state === 'partial') paths[isUp ? 'partUp' : 'partDown'] += shape;
    else if (isUp) paths.up += shape;
    else paths.down += shape;
    if (bar.state === 'provisional') paths.outline += shape;
    if (bar.state === 'partial') paths.partial += shape;
    if (bar.marks.includes('repaired'))
      paths.repaired += `M${px(middle)} ${px(y(bar.low) + 4.5)}l3.5 3.5l-3.5 3.5l-3.5 -3.5z`;
    if (bar.marks.includes('revised')) paths.revised += `M${px(middle)} ${px(y(bar.low) + 13)}l3.5 6h-7z`;
    const all = mostVolume === 0n ? 0 : (Number(bar.volume) / Number(mostVolume)) * (volumeHeight - 4);
    const bought = bar.volume === 0n ? 0 : all * (Number(bar.takerBuyVolume) / Number(bar.volume));
    const floor = volumeTop + volumeHeight;
    paths.sell += box(middle - body / 2, floor - all, body, all - bought);
    paths.buy += box(middle - body / 2, floor - bought, body, bought);
  }

  const tick = 10n ** BigInt(valueScale - fact.priceDigits);
  const step = profileStep(low, high, tick, 7);
  const lines: Markup[] = [];
  for (let price = (bottom / step + 1n) * step; price < top; price += step) {
    const isNearClose = Math.abs(y(price) - y(last.close)) < 12;
    lines.push(valueLine(y(price), width - axisWidth));
    if (!isNearClose) lines.push(valueLabel(y(price), width, valueText(price, fact.priceDigits)));
  }
  const closeY = y(last.close);
  const direction = last.close >= first.open ? 'up' : 'down';
  const description = `${bars.length} candles of ${interval}: opened at ${valueText(first.open, fact.priceDigits)}, closed at ${valueText(last.close, fact.priceDigits)} (${changeText(first.open, last.close) ?? 'no change'}), highest ${valueText(high, fact.priceDigits)}, lowest ${valueText(low, fact.priceDigits)}, with volume and volume by price. The same candles stand in the table and in the files beside this report.`;

  return drawing(
    width,
    height,
    description,
    html`${lines}${timeLabels(axis, height - 5, 8, { from: 0, to: height - labelHeight })}
${absentBands(axis, bars, range)}${gapBands(axis, gaps)}
<path class="l-up" d="${paths.wickUp}"/><path class="l-down" d="${paths.wickDown}"/><path class="f-up" d="${paths.up}"/><path class="f-down" d="${paths.down}"/>
<path class="forming" d="${paths.forming}"/><path class="outline" d="${paths.outline}"/><path class="part-up" d="${paths.partUp}"/><path class="part-down" d="${paths.partDown}"/><path class="hatch" d="${paths.partial}"/><path class="quiet" d="${paths.quiet}"/>
<path class="f-proof" d="${paths.repaired}"/><path class="f-caution" d="${paths.revised}"/>
<path class="f-proof-fill" d="${paths.proof}"/><path class="f-proof-held" d="${paths.unproven}"/>
<path class="f-down soft" d="${paths.sell}"/><path class="f-up soft" d="${paths.buy}"/>
<text x="${width}" y="${volumeTop + 10}" text-anchor="end">${valueText(mostVolume, 0).replace(/\..*/, '')} ${fact.baseAsset}</text>
${profile === undefined ? undefined : profileOf(profile, y)}
<path class="f-${direction}" d="${box(width - axisWidth + 3, closeY - 8, axisWidth - 3, 16)}"/><text class="on" x="${width - 3}" y="${px(closeY + 3.5)}" text-anchor="end">${valueText(last.close, fact.priceDigits)}</text>`,
  );
}

function profileOf(profile: Profile, y: (price: bigint) => number): Markup {
  const { step, bins } = profile;
  const most = largest(bins.map(({ volume }) => volume));
  const area = valueArea(bins);
  if (most === 0n || area === undefined) return html``;
  const paths = { buyIn: '', sellIn: '', buyOut: '', sellOut: '' };
  const left = plotWidth + 3;
  for (const { index, volume, takerBuyVolume } of bins) {
    const upper = y((index + 1n) * step);
    const tall = Math.max(0.6, y(index * step) - upper - 0.6);
    const all = (Number(volume) / Number(most)) * (profileWidth - 10);
    const bought = (Number(takerBuyVolume) / Number(most)) * (profileWidth - 10);
    const isIn = index >= area.lowest.index && index <= area.highest.index;
    paths[isIn ? 'buyIn' : 'buyOut'] += box(left, upper, bought, tall);
    paths[isIn ? 'sellIn' : 'sellOut'] += box(left + bought, upper, all - bought, tall);
  }
  const edge = (price: bigint) => `M${plotWidth + 1} ${px(y(price))}h${profileWidth - 6}`;
  return html`<path class="g" d="M${plotWidth} 0V${priceHeight}"/><path class="f-up soft" d="${paths.buyIn}"/><path class="f-down soft" d="${paths.sellIn}"/><path class="f-up faint" d="${paths.buyOut}"/><path class="f-down faint" d="${paths.sellOut}"/>
<path class="edge" d="${edge((area.highest.index + 1n) * step)}${edge(area.lowest.index * step)}"/>`;
}

/** Time that no candle covers: before recording began, or after it ended. */
function absentBands(axis: TimeAxis, bars: readonly Bar[], range: { fromUs: number; toUs: number }): Markup {
  const bands: [number, number][] = [];
  let untilUs = range.fromUs;
  for (const bar of bars) {
    if (bar.openedAtUs > untilUs) bands.push([untilUs, bar.openedAtUs]);
    untilUs = Math.max(untilUs, bar.endUs);
  }
  if (untilUs < range.toUs) bands.push([untilUs, range.toUs]);
  return html`${bands.map(([fromUs, toUs]) => {
    const left = axis.x(fromUs);
    const wide = axis.x(toUs) - left;
    const label =
      wide > 70
        ? html`<text x="${px(left + wide / 2)}" y="${priceHeight / 2}" text-anchor="middle">not recorded</text>`
        : undefined;
    return html`<path class="absent" d="${box(left, 0, Math.max(2, wide), priceHeight)}"/>${label}`;
  })}`;
}

/** Missing time is drawn as missing time, 2 wide at least. */
function gapBands(axis: TimeAxis, gaps: readonly GapFigure[]): Markup {
  return html`${gaps
    .filter(({ state }) => state !== 'repaired')
    .map(({ openedAtUs, closedAtUs, reason }) => {
      const left = axis.x(openedAtUs);
      const wide = Math.max(2, axis.x(closedAtUs ?? axis.toUs) - left);
      const label =
        wide > 60
          ? html`<text class="fault" x="${px(left + wide / 2)}" y="12" text-anchor="middle">gap: ${reason}</text>`
          : undefined;
      return html`<path class="gap" d="${box(left, 0, wide, priceHeight)}"/>${label}`;
    })}`;
}

/** What the drawing's marks mean, for those that occur. */
export function candleLegend(bars: readonly Bar[]): Markup {
  const entries: [string, boolean, string][] = [
    ['proof', bars.some(({ state }) => state === 'final' || state === 'no-trades'), 'proven complete'],
    ['held', bars.some(({ state }) => state === 'provisional' || state === 'forming'), 'not yet verified'],
    ['part', bars.some(({ state }) => state === 'partial'), 'partial: trades of it are missing'],
    ['diamond', bars.some(({ marks }) => marks.includes('repaired')), 'repaired'],
    ['triangle', bars.some(({ marks }) => marks.includes('revised')), 'revised after it was final'],
  ];
  const shown = entries.filter(([, occurs]) => occurs);
  return shown.length === 0
    ? html``
    : html`<p class="legend">${shown.map(([mark, , words]) => html`<span><i class="k-${mark}"></i>${words}</span>`)}<span>${countText(bars.length)} candles</span></p>`;
}
