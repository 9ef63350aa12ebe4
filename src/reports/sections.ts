import { secondUs } from '../domain/interval.ts';
import { coverageBar } from './charts/coverage-chart.ts';
import { clockText, countText, doubleText, durationText, grouped, percentText } from './figure-text.ts';
import type { FindingFigure, GapFigure, ReportFigures, StreamFigure } from './figures.ts';
import { html, type Markup } from './markup.ts';

/** Parts that reports of an instrument and of the market share. */

export function heading(title: string, remark?: string): Markup {
  return html`<div class="h"><h2>${title}</h2>${remark === undefined ? undefined : html`<span class="dim">${remark}</span>`}</div>`;
}

export function changeClass(change: bigint | number): string {
  return change < 0 ? 'down' : 'up';
}

const mostRows = 40;

/** Of long lists the first; how many more there are is said, and the files beside the report have all. */
export function firstRows<T>(
  rows: readonly T[],
  of: string,
  most = mostRows,
): { readonly shown: readonly T[]; readonly rest: Markup } {
  const left = rows.length - most;
  return {
    shown: rows.slice(0, most),
    rest:
      left <= 0
        ? html``
        : html`<p class="micro">and ${countText(left)} more ${of}, all of them in the files beside this report</p>`,
  };
}

export function completeness(figures: ReportFigures): Markup {
  const { streams, wish } = figures;
  const isMarket = figures.about === 'market';
  if (streams.length === 0)
    return html`<section class="keep">${heading('Completeness')}<p class="none">No stream was recorded in this range.</p></section>`;
  const worstFirst = isMarket ? streams.toSorted((a, b) => heldShare(a) - heldShare(b)) : streams;
  const { shown, rest } = firstRows(worstFirst, 'streams');
  const rows = shown.map(
    (stream) =>
      html`<tr>${isMarket ? html`<td class="w">${shortName(stream.instrument)}</td>` : undefined}<td>${stream.stream}</td><td class="bar">${coverageBar(wish, stream)}</td><td class="n v">${heldText(stream)}</td><td class="n">${countText(stream.records)}</td><td class="n">${countText(stream.gaps.length)}</td></tr>`,
  );
  const since = streams.filter(({ fromUs }) => fromUs > wish.fromUs + secondUs);
  const late =
    since.length === 0
      ? undefined
      : html` Recorded only in part of the range: ${listOf(since.map((stream) => `${isMarket ? `${shortName(stream.instrument)} ` : ''}${stream.stream} from ${clockText(stream.fromUs, wish)}`))}.`;
  return html`<section>${heading('Completeness', `what is held, in place; held counts ids where a stream has them, else watched time${isMarket ? '; the least held first' : ''}`)}
<div class="wide" tabindex="0" role="region" aria-label="Completeness by stream"><table><thead><tr>${isMarket ? html`<th scope="col">Instrument</th>` : undefined}<th scope="col">Stream</th><th scope="col">${clockText(wish.fromUs, wish, 5)} to ${endText(wish.toUs)}</th><th scope="col" class="n">Held</th><th scope="col" class="n">Rows</th><th scope="col" class="n">Gaps</th></tr></thead><tbody>${rows}</tbody></table></div>${rest}
<p class="lead">${verdict(figures)}${late}</p></section>`;
}

function endText(toUs: number): string {
  const iso = new Date(toUs / 1000).toISOString();
  return iso.slice(11, 16) === '00:00' ? '24:00' : iso.slice(11, 16);
}

function heldText(stream: StreamFigure): string {
  const share = heldShare(stream);
  return share < 0 ? '–' : percentText(share);
}

/** In [0, 1]; −1 where nothing can be said. */
function heldShare({ held, knownUs, fromUs, toUs }: StreamFigure): number {
  if (held !== undefined) return held.of === 0 ? -1 : held.ids / held.of;
  return toUs <= fromUs ? -1 : knownUs / (toUs - fromUs);
}

/** Counts of ids of a report, over its streams that have ids. */
export function heldIds(streams: readonly StreamFigure[]): { ids: number; of: number } | undefined {
  const withIds = streams.flatMap(({ held }) => (held === undefined ? [] : [held]));
  if (withIds.length === 0) return undefined;
  return withIds.reduce((sum, held) => ({ ids: sum.ids + held.ids, of: sum.of + held.of }), { ids: 0, of: 0 });
}

function verdict({ gaps, streams, state }: ReportFigures): Markup {
  const held = heldIds(streams);
  const lasting = gaps.filter((gap) => gap.state !== 'repaired');
  const ids = held === undefined ? undefined : html` ${countText(held.ids)} of ${countText(held.of)} ids are held.`;
  if (state === 'final' && lasting.length === 0)
    return html`<b>Complete:</b> all that the recorded streams had is held${gaps.length === 0 ? '' : ', some of it repaired'}.${ids}`;
  if (lasting.length === 0) return html`No gap is left.${ids}`;
  const byState = ['open', 'repairing', 'declared'].flatMap((name) => {
    const count = lasting.filter((gap) => gap.state === name).length;
    return count === 0 ? [] : [`${countText(count)} ${name}`];
  });
  const ofWholeDay = lasting.reduce((sum, gap) => sum + (gap.missingIds ?? 0), 0);
  return html`<b>Not complete:</b> ${listOf(byState)} ${lasting.length === 1 ? 'gap' : 'gaps'}${ofWholeDay > 0 ? html`, ${countText(ofWholeDay)} ids missing` : undefined}.${ids} What is declared, no source in reach can bring; the figures leave it out, and nothing is filled in.`;
}

export function incidents({ gaps, findings, wish, about }: ReportFigures): Markup {
  const isMarket = about === 'market';
  if (gaps.length === 0 && findings.length === 0) {
    return html`<section class="keep">${heading('Incidents')}<p class="none">No gap and no finding.</p></section>`;
  }
  const name = (instrument: string) => (isMarket ? html`<td class="w">${shortName(instrument)}</td>` : undefined);
  const head = isMarket ? html`<th scope="col">Instrument</th>` : undefined;
  const shownGaps = firstRows(gaps, 'gaps');
  const shownFindings = firstRows(findings, 'findings', 20);
  const restarts = new Set(
    gaps.filter(({ reason }) => reason === 'process-stop').map(({ openedAtUs }) => Math.floor(openedAtUs / 60e6)),
  ).size;
  const remark = `${countText(gaps.length)} ${gaps.length === 1 ? 'gap' : 'gaps'}${restarts > 0 ? `, the recorder stopped ${restarts === 1 ? 'once' : `${restarts} times`}` : ''}`;
  return html`<section>${heading('Incidents', remark)}${
    gaps.length === 0
      ? undefined
      : html`<div class="wide" tabindex="0" role="region" aria-label="Gaps"><table><thead><tr>${head}<th scope="col">From</th><th scope="col">To</th><th scope="col">Stream</th><th scope="col">Reason</th><th scope="col">State</th><th scope="col" class="n">Missing</th></tr></thead><tbody>${shownGaps.shown.map(
          (gap) =>
            html`<tr>${name(gap.instrument)}<td class="v">${clockText(gap.openedAtUs, wish)}</td><td>${gap.closedAtUs === undefined ? 'lasts' : clockText(gap.closedAtUs, wish)}</td><td>${gap.stream}</td><td>${gap.reason}</td><td><span class="st ${gap.state}"><i></i>${gap.state}</span></td><td class="n v">${missingText(gap, wish.toUs)}</td></tr>`,
        )}</tbody></table></div>${shownGaps.rest}`
  }${
    findings.length === 0
      ? undefined
      : html`<div class="wide" tabindex="0" role="region" aria-label="Findings"><table style="margin-top:10px"><thead><tr>${head}<th scope="col">First</th><th scope="col">Finding</th><th scope="col">Stream</th><th scope="col" class="n">Times</th><th scope="col">In its words</th></tr></thead><tbody>${shownFindings.shown.map(
          (finding) =>
            html`<tr>${name(finding.instrument)}<td class="v">${clockText(finding.firstUs, wish)}</td><td>${finding.code}</td><td>${finding.stream}</td><td class="n">${countText(finding.count)}</td><td class="w">${findingText(finding)}</td></tr>`,
        )}</tbody></table></div>${shownFindings.rest}`
  }</section>`;
}

function findingText({ detail }: FindingFigure): string {
  return detail.length > 160 ? `${detail.slice(0, 160)}…` : detail;
}

function missingText(gap: GapFigure, toUs: number): string {
  if (gap.missingIds !== undefined && gap.missingIds > 0)
    return gap.missingIds === 1 ? '1 id' : `${countText(gap.missingIds)} ids`;
  return gap.state === 'repaired' || gap.missingIds === 0
    ? '0'
    : durationText((gap.closedAtUs ?? toUs) - gap.openedAtUs);
}

export function listOf(items: readonly string[]): string {
  const most = 8;
  if (items.length > most) return `${items.slice(0, most).join(', ')} and ${countText(items.length - most)} more`;
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)!}`;
}

/** `binance:spot:BTCUSDT` as `BTCUSDT`; other markets keep theirs. */
export function shortName(instrument: string): string {
  const [, market, ...symbol] = instrument.split(':');
  return market === 'spot' ? symbol.join(':') : `${symbol.join(':')} ${market}`;
}

export function bps(value: number | undefined): string {
  return value === undefined ? '–' : doubleText(value, value < 0.1 ? 4 : value < 10 ? 3 : 1);
}

export function quantityText(value: number | undefined): string {
  if (value === undefined) return '–';
  return grouped(value >= 1000 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toPrecision(3));
}
