import { nominalLengthUs } from '../domain/interval.ts';
import { correlationMap } from './charts/correlation-map.ts';
import type { Line } from './charts/line-chart.ts';
import { lineChart } from './charts/line-chart.ts';
import { changeText, countText, doubleText, percentText, shortText, valueText } from './figure-text.ts';
import type { CloseSeries, MarketFigures } from './figures.ts';
import { productScale } from './figures.ts';
import type { Sections } from './instrument-page.ts';
import { html, type Markup } from './markup.ts';
import { bps, changeClass, completeness, heading, heldIds, incidents, shortName } from './sections.ts';

const looks = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

export function marketSections(figures: MarketFigures): Sections {
  const { peers, grain } = figures;
  return {
    headline: headline(figures),
    body: html`${linesSection(figures)}${table(figures)}${correlationSection(figures)}${completeness(figures)}${incidents(figures)}`,
    method: html`Prices, volumes and turnovers are exact sums of the published candles of ${grain.base} of ${countText(peers.length)} instruments. Volatility and correlation are of logarithmic returns (${grain.base} and ${grain.returns}), pairwise complete: a return next to what is not whole is left out. Spread is weighed by time; it, volatility and correlation are of the instruments with most trades.`,
  };
}

function headline({ peers, streams, gaps }: MarketFigures): Markup {
  const up = peers.filter(({ bar }) => bar.close > bar.open).length;
  const down = peers.filter(({ bar }) => bar.close < bar.open).length;
  const trades = peers.reduce((sum, { bar }) => sum + bar.tradeCount, 0);
  const held = heldIds(streams);
  const lasting = gaps.filter(({ state }) => state !== 'repaired').length;
  const quotes = Map.groupBy(peers, ({ fact }) => fact.quoteAsset);
  const [quote, members] = [...quotes].sort((a, b) => b[1].length - a[1].length)[0] ?? ['', []];
  const turnover = members.reduce((sum, { bar }) => sum + bar.quoteVolume, 0n);
  const figure = (label: string, value: string, remark: string) =>
    html`<div><span class="micro">${label}</span><b>${value}</b><span class="micro">${remark}</span></div>`;
  return html`<div class="fig">${[
    figure('Instruments', countText(peers.length), 'with trades'),
    figure('Rose, fell', `${countText(up)}, ${countText(down)}`, `${countText(peers.length - up - down)} unchanged`),
    figure('Trades', countText(trades), 'over all of them'),
    figure(
      `Turnover${quote === '' ? '' : `, ${quote}`}`,
      members.length === 0 ? '–' : shortText(turnover, productScale),
      `${countText(members.length)} instruments`,
    ),
    figure(
      'Held',
      held === undefined || held.of === 0 ? '–' : percentText(held.ids / held.of),
      held === undefined ? 'no stream with ids' : `of ${countText(held.of)} ids`,
    ),
    figure('Gaps', countText(gaps.length), lasting === 0 ? 'none left' : `${countText(lasting)} not repaired`),
  ]}</div>`;
}

/** Prices as per cent from their first, of the six with most trades. */
function linesSection({ closes, wish, grain }: MarketFigures): Markup {
  const lines = closes.slice(0, looks.length).flatMap((series, at): Line[] => {
    const points = rebased(series, wish.fromUs, nominalLengthUs(grain.returns));
    return points.length === 0 ? [] : [{ look: looks[at]!, points, label: shortName(series.instrument).slice(0, 11) }];
  });
  if (lines.length === 0)
    return html`<section class="keep">${heading('Prices')}<p class="none">No whole candles are held in this range.</p></section>`;
  return html`<section class="keep">${heading('Prices', `per cent from the first close, ${grain.returns} closes, the six with most trades`)}<div class="wide" tabindex="0" role="region" aria-label="Prices">${lineChart(
    {
      range: wish,
      lines,
      longestStepUs: nominalLengthUs(grain.returns) * 1.5,
      width: 706,
      height: 250,
      isFromZero: false,
      unit: ' %',
      description: `Price changes since the start: ${lines.map(({ label, points }) => `${label} ${doubleText(points.at(-1)!.value, 2, true)} %`).join(', ')}`,
    },
  )}</div></section>`;
}

function rebased({ closes }: CloseSeries, fromUs: number, stepUs: number): { atUs: number; value: number }[] {
  const first = closes.find((close) => close !== undefined);
  if (first === undefined) return [];
  return closes.flatMap((close, at) =>
    close === undefined ? [] : [{ atUs: fromUs + (at + 1) * stepUs, value: (close / first - 1) * 100 }],
  );
}

function table({ peers }: MarketFigures): Markup {
  if (peers.length === 0) return html``;
  const first = peers[0]!.fact.instrument;
  return html`<section>${heading('Instruments', `by number of trades; correlation with ${shortName(first)}`)}<div class="wide" tabindex="0" role="region" aria-label="Instruments"><table><thead><tr><th scope="col">Instrument</th><th scope="col" class="n">Close</th><th scope="col" class="n">Change</th><th scope="col" class="n">High</th><th scope="col" class="n">Low</th><th scope="col" class="n">Turnover</th><th scope="col" class="n">Trades</th><th scope="col" class="n">Volatility</th><th scope="col" class="n">Spread, bps</th><th scope="col" class="n">Corr.</th><th scope="col">State</th></tr></thead><tbody>${peers.map(
    ({ fact, bar, volatility, spreadBps, correlation }) => {
      const price = (value: bigint) => valueText(value, fact.priceDigits);
      return html`<tr><td class="v w">${shortName(fact.instrument)}</td><td class="n v">${price(bar.close)}</td><td class="n ${changeClass(bar.close - bar.open)}">${changeText(bar.open, bar.close) ?? '–'}</td><td class="n">${price(bar.high)}</td><td class="n">${price(bar.low)}</td><td class="n">${shortText(bar.quoteVolume, productScale)} ${fact.quoteAsset}</td><td class="n">${countText(bar.tradeCount)}</td><td class="n">${volatility === undefined ? '–' : `${doubleText(volatility.yearly * 100, 1)} %`}</td><td class="n">${bps(spreadBps)}</td><td class="n">${correlation === undefined ? '–' : doubleText(correlation.value, 2)}</td><td>${bar.state}</td></tr>`;
    },
  )}</tbody></table></div></section>`;
}

function correlationSection({ closes, correlations, grain }: MarketFigures): Markup {
  if (closes.length < 2) return html``;
  const names = closes.map(({ instrument }) => shortName(instrument));
  return html`<section class="keep">${heading('Correlations', `of ${grain.returns} returns, the ${countText(closes.length)} instruments with most trades; pairwise complete`)}<div class="wide" tabindex="0" role="region" aria-label="Correlations">${correlationMap(names, correlations)}</div></section>`;
}
