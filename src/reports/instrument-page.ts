import { quantile } from '../analytics/returns.ts';
import { valueArea } from '../analytics/volume-profile.ts';
import { formatScaled } from '../domain/decimal.ts';
import { minuteUs, nominalLengthUs } from '../domain/interval.ts';
import { rolledUp } from './bars.ts';
import { candleChart, candleLegend } from './charts/candle-chart.ts';
import { columnChart } from './charts/column-chart.ts';
import type { Point } from './charts/line-chart.ts';
import { lineChart } from './charts/line-chart.ts';
import {
  changeText,
  clockText,
  countText,
  doubleText,
  grouped,
  percentText,
  productText,
  shortText,
  valueText,
} from './figure-text.ts';
import type { Bar, InstrumentFigures, SpreadBucket } from './figures.ts';
import { depthBands, productScale, valueScale } from './figures.ts';
import { html, type Markup } from './markup.ts';
import { bps, changeClass, completeness, firstRows, heading, incidents, quantityText, shortName } from './sections.ts';
import { hourlyVolatility } from './volatility-columns.ts';

export interface Sections {
  readonly headline: Markup;
  readonly body: Markup;
  readonly method: Markup;
}

export function instrumentSections(figures: InstrumentFigures): Sections {
  const { whole, fact, grain, wish, bars } = figures;
  const charted = rolledUp(bars, grain.chart, wish);
  const rows = rolledUp(bars, grain.table, wish);
  const quote = fact.quoteAsset === '' ? 'the quote asset' : fact.quoteAsset;
  const base = fact.baseAsset === '' ? 'base asset' : fact.baseAsset;
  const candleGaps = figures.gaps.filter(({ stream }) => stream === (usesAggregates(bars) ? 'agg-trade' : 'trade'));
  const body = html`
<section class="keep">${heading('Price and volume', `${grain.chart} candles, ${quote}; volume split by taker side${figures.profile === undefined ? '' : `; right: volume by price, steps of ${valueText(figures.profile.step, 0)}`}`)}
<div class="wide" tabindex="0" role="region" aria-label="Candle chart">${candleChart({ range: wish, bars: charted, interval: grain.chart, fact, profile: figures.profile, gaps: candleGaps })}</div>${candleLegend(charted)}</section>
<div class="cols">${volatilitySection(figures)}${turnoverSection(rows, figures)}</div>
<div class="cols">${valueAreaSection(figures)}${largestSection(rows, figures)}</div>
${exactSection(figures)}
${candleTable(rows, figures, base, quote)}
${completeness(figures)}
${spreadAndDepth(figures, base)}
${peersSection(figures)}
${incidents(figures)}`;
  return {
    headline: html`${headline(whole, figures, base)}${lead(rows, figures)}`,
    body,
    method: html`Volumes are sums of exact decimals of ${countText(bars.length)} published candles of ${grain.base}. Volatility is the root of the mean squared logarithmic return of ${grain.base}, scaled to a year of 365 days; returns next to what is not whole are left out. Spread is that of the best bid and ask in force at the end of each ${grain.quoteSeconds === 1 ? 'second' : `${grain.quoteSeconds} seconds`}, weighed by time. Depth is counted in whole books. Statistics are doubles, prices and volumes are not.`,
  };
}

function usesAggregates(bars: readonly Bar[]): boolean {
  return bars.some(({ source }) => source === 'agg-trades');
}

function figure(label: string, value: Markup | string, remark: Markup | string): Markup {
  return html`<div><span class="micro">${label}</span><b>${value}</b><span class="micro">${remark}</span></div>`;
}

function headline(whole: Bar | undefined, figures: InstrumentFigures, base: string): Markup {
  const { fact, volatility } = figures;
  if (whole === undefined || whole.tradeCount === 0) {
    return html`<p class="note f"><b>No trades are held in this range.</b> ${figures.streams.length === 0 ? 'Nothing was recorded of it.' : 'What other streams hold is below.'}</p>`;
  }
  const price = (value: bigint) => valueText(value, fact.priceDigits);
  const change = changeText(whole.open, whole.close);
  const difference = whole.close - whole.open;
  const bought = whole.volume === 0n ? 0 : Number((whole.takerBuyVolume * 10_000n) / whole.volume) / 10_000;
  return html`<div class="fig">${[
    figure(whole.state === 'forming' ? 'Last' : 'Close', price(whole.close), `open ${price(whole.open)}`),
    figure(
      'Change',
      html`<span class="${changeClass(difference)}">${change ?? '–'}</span>`,
      `${difference > 0n ? '+' : ''}${price(difference)}`,
    ),
    figure('High, low', price(whole.high), price(whole.low)),
    figure(`Volume, ${base}`, shortText(whole.volume, valueScale), `taker buy ${percentText(bought, 1)}`),
    figure(
      `Turnover${fact.quoteAsset === '' ? '' : `, ${fact.quoteAsset}`}`,
      shortText(whole.quoteVolume, productScale),
      `${countText(whole.tradeCount)} trades`,
    ),
    figure(
      'Volatility, yearly',
      volatility === undefined ? '–' : `${doubleText(volatility.yearly * 100, 1)} %`,
      volatility === undefined ? 'too few candles' : `from ${countText(volatility.returns)} returns`,
    ),
  ]}</div>`;
}

function lead(rows: readonly Bar[], { whole, fact, profile, wish, grain }: InstrumentFigures): Markup | undefined {
  if (whole === undefined || whole.tradeCount === 0) return undefined;
  const difference = whole.close - whole.open;
  const price = (value: bigint) => valueText(value, fact.priceDigits);
  const busiest = rows.reduce((most, bar) => (bar.quoteVolume > most.quoteVolume ? bar : most), rows[0]!);
  const share = whole.quoteVolume === 0n ? 0 : Number((busiest.quoteVolume * 1000n) / whole.quoteVolume) / 10;
  const peak = profile === undefined ? undefined : valueArea(profile.bins)?.peak;
  return html`<p class="lead">${whole.state === 'forming' ? 'Stands' : 'Closed'} ${difference === 0n ? html`<b>unchanged</b>` : html`<b>${price(difference < 0n ? -difference : difference)}</b> ${difference < 0n ? 'lower' : 'higher'}`}. The high stands at ${price(whole.high)}, the low at ${price(whole.low)}.${rows.length > 1 ? html` The ${grain.table} from <b>${clockText(busiest.openedAtUs, wish, 5)}</b> carried ${shortText(busiest.quoteVolume, productScale)}, ${doubleText(share, 1)} % of the turnover.` : undefined}${
    peak === undefined || profile === undefined
      ? undefined
      : html` Most volume was traded at ${price(peak.index * profile.step)} to ${price((peak.index + 1n) * profile.step)}.`
  }</p>`;
}

function volatilitySection(figures: InstrumentFigures): Markup {
  const { grain, wish } = figures;
  const columns = hourlyVolatility(figures);
  const most = columns.reduce((found, { value }) => Math.max(found, value), 0);
  return html`<section class="keep">${heading('Volatility', `${grain.base} returns, by ${grain.table}, yearly %`)}${columnChart(wish, columns, `Realised volatility by ${grain.table}, ${doubleText(most, 1)} % at most`)}</section>`;
}

function turnoverSection(rows: readonly Bar[], { grain, wish, fact }: InstrumentFigures): Markup {
  const most = Math.max(...rows.map(({ quoteVolume }) => Number(quoteVolume)), 0) / 10 ** productScale;
  const [divisor, unit] =
    most >= 1e9 ? [1e9, 'billion '] : most >= 1e6 ? [1e6, 'million '] : most >= 1e4 ? [1e3, 'thousand '] : [1, ''];
  const columns = rows.map((bar) => ({
    fromUs: bar.openedAtUs,
    toUs: bar.endUs,
    value: Number(bar.quoteVolume) / 10 ** productScale / divisor,
  }));
  return html`<section class="keep">${heading('Turnover', `by ${grain.table}, ${unit}${fact.quoteAsset === '' ? 'of the quote asset' : fact.quoteAsset}`)}${columnChart(wish, columns, `Turnover by ${grain.table}`)}</section>`;
}

function valueAreaSection({ profile, whole, fact }: InstrumentFigures): Markup {
  const area = profile === undefined ? undefined : valueArea(profile.bins);
  if (profile === undefined || area === undefined || whole === undefined) {
    return html`<section class="keep">${heading('Value area')}<p class="none">No trades are held row by row, so there is no volume by price.</p></section>`;
  }
  const { step } = profile;
  const row = (label: string, value: bigint) =>
    html`<tr><td>${label}</td><td class="n v">${valueText(value, fact.priceDigits)}</td><td class="n ${changeClass(value - whole.open)}">${changeText(whole.open, value) ?? '–'}</td></tr>`;
  const volume = profile.bins.reduce((sum, bin) => sum + bin.volume, 0n);
  const isAll = volume === whole.volume;
  return html`<section class="keep">${heading('Value area', '70 % of the volume; per cent from the open')}<table><tbody>${row('Upper edge', (area.highest.index + 1n) * step)}${row('Most volume from', area.peak.index * step)}${row('Lower edge', area.lowest.index * step)}${row('Close', whole.close)}</tbody></table>${
    isAll
      ? undefined
      : html`<p class="micro">The ${profile.table === 'trades' ? 'trades' : 'aggregates'} held here make up ${formatScaled(volume, valueScale)} of the candles’ ${formatScaled(whole.volume, valueScale)}.</p>`
  }</section>`;
}

function largestSection(rows: readonly Bar[], { wish, grain }: InstrumentFigures): Markup {
  const ranges = rows
    .filter(({ tradeCount, low }) => tradeCount > 0 && low > 0n)
    .map((bar) => ({ bar, range: Number(((bar.high - bar.low) * 1_000_000n) / bar.low) / 10_000 }))
    .sort((a, b) => b.range - a.range || a.bar.openedAtUs - b.bar.openedAtUs)
    .slice(0, 4);
  return html`<section class="keep">${heading('Largest ranges', `of ${grain.table}`)}${
    ranges.length === 0
      ? html`<p class="none">No trades.</p>`
      : html`<table><tbody>${ranges.map(
          ({ bar, range }) =>
            html`<tr><td>${clockText(bar.openedAtUs, wish, 5)}</td><td class="n v">${doubleText(range, 2)} %</td><td class="n ${changeClass(bar.close - bar.open)}">${changeText(bar.open, bar.close) ?? '–'}</td><td class="n">${shortText(bar.quoteVolume, productScale)}</td></tr>`,
        )}</tbody></table>`
  }</section>`;
}

function exactSection({ whole, fact, bars, grain }: InstrumentFigures): Markup | undefined {
  if (whole === undefined || whole.tradeCount === 0) return undefined;
  const states = (['final', 'provisional', 'forming', 'partial', 'no-trades', 'missing'] as const)
    .map((state) => ({ state, count: bars.filter((bar) => bar.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${countText(count)} ${state}`);
  const repaired = bars.filter(({ marks }) => marks.includes('repaired')).length;
  const row = (label: string, value: string, label2: string, value2: string) =>
    html`<tr><td>${label}</td><td class="n v">${value}</td><td style="padding-left:28px">${label2}</td><td class="n v">${value2}</td></tr>`;
  const exact = (value: bigint) => grouped(formatScaled(value, valueScale, fact.quantityDigits));
  return html`<section class="keep">${heading('Exact figures', 'every digit')}<div class="wide" tabindex="0" role="region" aria-label="Exact figures"><table><tbody>${row('Volume', exact(whole.volume), 'Taker-buy volume', exact(whole.takerBuyVolume))}${row('Turnover', productText(whole.quoteVolume), 'Taker-buy turnover', productText(whole.takerBuyQuoteVolume))}${row('First trade', countText(whole.firstTradeId), 'Last trade', countText(whole.lastTradeId))}${row('Trades', countText(whole.tradeCount), 'Computed from', whole.source)}</tbody></table></div><p class="micro" style="margin-top:4px">Candles of ${grain.base}: ${states.join(', ')}${repaired > 0 ? `; ${countText(repaired)} repaired` : ''}.</p></section>`;
}

function candleTable(
  rows: readonly Bar[],
  { wish, fact, grain }: InstrumentFigures,
  base: string,
  quote: string,
): Markup | undefined {
  if (rows.length === 0) return undefined;
  const price = (value: bigint) => valueText(value, fact.priceDigits);
  return html`<section>${heading('Candles', `${grain.table}; volume in ${base}, turnover in ${quote}; the finer ones are in candles.parquet and candles.csv`)}<div class="wide" tabindex="0" role="region" aria-label="Candles"><table><thead><tr><th scope="col">From</th><th scope="col" class="n">Open</th><th scope="col" class="n">High</th><th scope="col" class="n">Low</th><th scope="col" class="n">Close</th><th scope="col" class="n">Change</th><th scope="col" class="n">Volume</th><th scope="col" class="n">Turnover</th><th scope="col" class="n">Trades</th><th scope="col">State</th></tr></thead><tbody>${rows.map(
    (bar) => {
      const time = html`<td class="v">${clockText(bar.openedAtUs, wish, 5)}</td>`;
      const state = html`<td>${bar.state}${bar.marks.length > 0 ? `, ${bar.marks.join(', ')}` : ''}</td>`;
      if (bar.tradeCount === 0)
        return html`<tr>${time}${Array.from({ length: 8 }, () => html`<td class="n">–</td>`)}${state}</tr>`;
      return html`<tr>${time}<td class="n">${price(bar.open)}</td><td class="n">${price(bar.high)}</td><td class="n">${price(bar.low)}</td><td class="n v">${price(bar.close)}</td><td class="n ${changeClass(bar.close - bar.open)}">${changeText(bar.open, bar.close) ?? '–'}</td><td class="n">${valueText(bar.volume, fact.quantityDigits)}</td><td class="n">${shortText(bar.quoteVolume, productScale)}</td><td class="n">${countText(bar.tradeCount)}</td>${state}</tr>`;
    },
  )}</tbody></table></div></section>`;
}

function spreadAndDepth(figures: InstrumentFigures, base: string): Markup {
  const { spread, depth, wish, grain, dataKind } = figures;
  if (spread.length === 0 && depth.length === 0) {
    return html`<section class="keep">${heading('Spread and depth')}<p class="none">No book data are recorded in this range: neither best bids and asks nor whole books.</p></section>`;
  }
  const band = 1;
  const gaps = figures.gaps.filter(
    ({ stream, state }) => state !== 'repaired' && (stream === 'book-ticker' || stream === 'depth'),
  );
  const spreadChart =
    spread.length === 0
      ? html`<p class="none">No best bids and asks are recorded in this range.</p>`
      : lineChart({
          range: wish,
          lines: [{ look: 'ink', points: spreadPoints(spread) }],
          longestStepUs: nominalLengthUs(grain.spread) * (spreadStride(spread) + 0.5),
          gaps: gaps.filter(({ stream }) => stream === 'book-ticker'),
          width: 339,
          height: 164,
          isFromZero: true,
          description: `Spread in basis points, means over ${grain.spread}${spreadStride(spread) > 1 ? `, drawn ${spreadStride(spread)} at a time with their least and most` : ''}`,
        });
  const side = (of: 'bids' | 'asks', sign: 1 | -1) =>
    depth.flatMap((sample) => {
      const value = sample[of][band];
      return value === undefined ? [] : [{ atUs: sample.atUs, value: value * sign }];
    });
  const known = depth.filter((sample) => sample.bids[band] !== undefined && sample.asks[band] !== undefined);
  const depthChart =
    known.length === 0
      ? html`<p class="none">${depth.length === 0 ? 'No whole books are recorded in this range.' : `The books held here are not known ${depthBands[band]} basis points far.`}</p>`
      : lineChart({
          range: wish,
          lines: [
            { look: 'down', points: side('asks', 1) },
            { look: 'up', points: side('bids', -1) },
          ],
          longestStepUs: 25 * minuteUs,
          gaps: gaps.filter(({ stream }) => stream === 'depth'),
          width: 339,
          height: 164,
          isFromZero: false,
          description: `Quantity within ${depthBands[band]} basis points of the mid price: asks above, bids below`,
        });
  const seconds = (wish.toUs - wish.fromUs) / 1e6;
  const shareOf = (buckets: readonly SpreadBucket[]) => buckets.reduce((sum, bucket) => sum + bucket.knownSeconds, 0);
  const mean =
    spread.length === 0
      ? undefined
      : spread.reduce((sum, bucket) => sum + bucket.meanBps * bucket.knownSeconds, 0) / shareOf(spread);
  const worst = spread.reduce<SpreadBucket | undefined>(
    (most, bucket) => (most === undefined || bucket.worstBps > most.worstBps ? bucket : most),
    undefined,
  );
  const means = spread.map(({ meanBps }) => meanBps);
  const depthRow = (distance: number, at: number) => {
    const cells = (of: 'bids' | 'asks') => {
      const found = depth.flatMap((sample) => sample[of][at] ?? []);
      const average = found.length === 0 ? undefined : found.reduce((sum, value) => sum + value, 0) / found.length;
      return [average, quantile(found, 0.5), quantile(found, 0.1)].map(
        (value, column) => html`<td class="n${column === 0 ? ' v' : ''}">${quantityText(value)}</td>`,
      );
    };
    const books = depth.filter((sample) => sample.bids[at] !== undefined && sample.asks[at] !== undefined).length;
    return html`<tr><td>within ${distance} bps</td>${cells('bids')}${cells('asks')}<td class="n">${countText(books)}</td></tr>`;
  };
  const replayed =
    dataKind === 'replay' && spread.length > 0
      ? ' Best bids and asks carry no venue time here: each has that of the depth event which holds its update id.'
      : '';
  return html`<section>${heading('Spread and depth', `spread: means over ${grain.spread}, by time; depth: whole books, at least every 10 minutes${figures.wish.kind === 'range' ? '' : ', as recorded'}`)}
<div class="cols keep"><div><h3>Spread, bps</h3>${spreadChart}</div><div><h3>Quantity within ${depthBands[band]} bps, ${base}: asks above, bids below</h3>${depthChart}</div></div>
${
  spread.length === 0
    ? undefined
    : html`<div class="wide" tabindex="0" role="region" aria-label="Spread"><table style="margin-top:6px"><thead><tr><td>Spread</td><th scope="col" class="n">Mean</th><th scope="col" class="n">Median</th><th scope="col" class="n">Worst tenth</th><th scope="col" class="n">Worst</th><th scope="col" class="n">At</th><th scope="col" class="n">Known</th></tr></thead><tbody><tr><td>basis points</td><td class="n v">${bps(mean)}</td><td class="n v">${bps(quantile(means, 0.5))}</td><td class="n">${bps(quantile(means, 0.9))}</td><td class="n">${bps(worst?.worstBps)}</td><td class="n">${worst === undefined ? '–' : clockText(worst.openedAtUs, wish, 5)}</td><td class="n">${percentText(Math.min(1, shareOf(spread) / seconds))}</td></tr></tbody></table></div>`
}${
  depth.length === 0
    ? undefined
    : html`<div class="wide" tabindex="0" role="region" aria-label="Depth"><table style="margin-top:6px"><thead><tr><td>Depth, ${base}</td><th scope="col" class="n">Bids, mean</th><th scope="col" class="n">median</th><th scope="col" class="n">worst tenth</th><th scope="col" class="n">Asks, mean</th><th scope="col" class="n">median</th><th scope="col" class="n">worst tenth</th><th scope="col" class="n">Books</th></tr></thead><tbody>${depthBands.map(depthRow)}</tbody></table></div>`
}<p class="micro" style="margin-top:4px">A book that is not known as far as a band is not counted in it.${replayed}</p></section>`;
}

const drawnMeans = 150;

function spreadStride(spread: readonly SpreadBucket[]): number {
  return Math.ceil(spread.length / drawnMeans);
}

/** More means than the drawing has room for are drawn several at a time, with the least and the most of them. */
function spreadPoints(spread: readonly SpreadBucket[]): Point[] {
  const stride = spreadStride(spread);
  const points: Point[] = [];
  for (let at = 0; at < spread.length; at += stride) {
    const some = spread.slice(at, at + stride);
    const seconds = some.reduce((sum, bucket) => sum + bucket.knownSeconds, 0);
    const value = some.reduce((sum, bucket) => sum + bucket.meanBps * bucket.knownSeconds, 0) / seconds;
    const means = some.map(({ meanBps }) => meanBps);
    const band = stride > 1 ? { low: Math.min(...means), high: Math.max(...means) } : {};
    points.push({ atUs: some[0]!.openedAtUs, value, ...band });
  }
  return points;
}

function peersSection({ peers, fact, grain }: InstrumentFigures): Markup | undefined {
  if (peers.length === 0) return undefined;
  const { shown } = firstRows(peers, 'instruments', 12);
  return html`<section class="keep">${heading('Market', `the others with most trades; correlation of ${grain.returns} returns with ${shortName(fact.instrument)}`)}<div class="wide" tabindex="0" role="region" aria-label="Market"><table><thead><tr><th scope="col">Instrument</th><th scope="col" class="n">Close</th><th scope="col" class="n">Change</th><th scope="col" class="n">Turnover</th><th scope="col" class="n">Trades</th><th scope="col" class="n">Correlation</th><th scope="col" class="n">Returns</th></tr></thead><tbody>${shown.map(
    (row) =>
      html`<tr><td class="v w">${shortName(row.fact.instrument)}</td><td class="n v">${valueText(row.bar.close, row.fact.priceDigits)}</td><td class="n ${changeClass(row.bar.close - row.bar.open)}">${changeText(row.bar.open, row.bar.close) ?? '–'}</td><td class="n">${shortText(row.bar.quoteVolume, productScale)} ${row.fact.quoteAsset}</td><td class="n">${countText(row.bar.tradeCount)}</td><td class="n">${row.correlation === undefined ? '–' : doubleText(row.correlation.value, 2)}</td><td class="n">${row.correlation === undefined ? '–' : countText(row.correlation.pairs)}</td></tr>`,
  )}</tbody></table></div></section>`;
}
