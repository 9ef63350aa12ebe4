import { countText, dayText, instantText } from './figure-text.ts';
import type { ReportFigures } from './figures.ts';
import { instrumentSections } from './instrument-page.ts';
import { marketSections } from './market-page.ts';
import { html, Markup } from './markup.ts';
import type { ReportWish } from './period.ts';
import { marketSubject } from './period.ts';
import { listOf, shortName } from './sections.ts';
import { styleSheet } from './style.ts';

/** What a page says of its own making; the only parts that are not figures. */
export interface Imprint {
  readonly id: string;
  readonly version: string;
  readonly catalogVersion: number;
  readonly contentHash: string;
  readonly madeAtUs: number;
  /** Names of the files beside it. */
  readonly files: readonly string[];
  /** Base64 of a WOFF2 font; the system's own without. */
  readonly font?: string;
}

/** A report as one file of HTML that needs no other, no script and no network: on a screen, in a mail, on paper. */
export function reportPage(figures: ReportFigures, imprint: Imprint): string {
  const { wish, dataKind } = figures;
  const mark = markOf(dataKind);
  const title = titleOf(wish);
  const footer = `${mark === undefined ? '' : `${mark} · `}${title} · catalog version ${imprint.catalogVersion}`;
  const style = styleSheet({
    font: imprint.font,
    footer,
    mark: mark === undefined ? undefined : { word: mark, words: markWords(mark) },
  });
  const sections = figures.about === 'instrument' ? instrumentSections(figures) : marketSections(figures);
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:">
<meta name="generator" content="Tidemark ${imprint.version}"><title>${mark === undefined ? '' : `${mark} · `}${title} · Tidemark</title>
<style>${new Markup(style)}</style></head><body>
<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs><pattern id="missing" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V6" stroke="var(--fault)" stroke-opacity=".45" stroke-width="1.6"/></pattern><pattern id="absent" width="6" height="6" patternUnits="userSpaceOnUse"><circle cx="3" cy="3" r=".7" fill="var(--line-3)" fill-opacity=".6"/></pattern></defs></svg>
${mark === undefined ? undefined : html`<div class="water" aria-hidden="true"></div>`}
<main${mark === undefined ? undefined : new Markup(' class="unreal"')}>
<header><div><h1>${wish.subject === marketSubject ? 'Market' : shortName(wish.subject).split(' ')[0]}</h1><p class="s">${subtitle(figures)}</p></div><span class="brand">${logo()}Tidemark</span>
<p class="pills">${mark === undefined ? html`<span class="pill">${dataKind}</span>` : html`<span class="pill p-unreal">${mark}</span>`}<span class="pill p-${figures.state}">${figures.state}</span></p></header>
${mark === undefined ? undefined : html`<p class="note u"><b>${markWords(mark)}.</b> ${mark === 'SIMULATED' ? 'These figures come from the simulated exchange, not from a market.' : 'These figures come from recorded frames that were played again.'}</p>`}
${sections.headline}
${figures.unsettled.length === 0 ? undefined : html`<p class="note"><b>Provisional:</b> ${listOf(figures.unsettled)}. A report made later replaces this one.</p>`}
${sections.body}
<section class="keep"><div class="h"><h2>How to get the same numbers</h2></div><p class="lead" style="margin-top:0">${sections.method} All of it was read at catalog version ${countText(imprint.catalogVersion)}. <code>tidemark report make --subject ${wish.subject} ${periodOption(wish)}</code></p></section>
<footer><span>Tidemark ${imprint.version}</span><span>report <b>${imprint.id}</b></span><span>catalog version <b>${countText(imprint.catalogVersion)}</b></span><span>content hash <b>${imprint.contentHash.slice(0, 16)}</b></span><span>data <b>${dataKind}</b></span><span>made ${instantText(imprint.madeAtUs)}</span><span>beside it: <b>${imprint.files.join(', ')}</b></span></footer>
</main></body></html>
`;
  return page.text;
}

export function markOf(dataKind: ReportFigures['dataKind']): 'SIMULATED' | 'REPLAY' | undefined {
  return dataKind === 'simulated' ? 'SIMULATED' : dataKind === 'replay' ? 'REPLAY' : undefined;
}

function markWords(mark: 'SIMULATED' | 'REPLAY'): string {
  return mark === 'SIMULATED' ? 'SIMULATED: not a real market' : 'REPLAY of recorded data';
}

/** `Daily report, BTCUSDT, 2026-03-18` */
export function titleOf({ kind, subject, fromUs, toUs }: ReportWish): string {
  const name = subject === marketSubject ? 'market' : subject;
  const first = new Date(fromUs / 1000).toISOString();
  if (kind === 'daily') return `Daily report, ${name}, ${first.slice(0, 10)}`;
  if (kind === 'weekly') return `Weekly report, ${name}, week of ${first.slice(0, 10)}`;
  return `Report, ${name}, ${first.slice(0, 16).replace('T', ' ')} to ${new Date(toUs / 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function subtitle(figures: ReportFigures): Markup {
  const { wish } = figures;
  const place = figures.about === 'market' ? 'all instruments' : marketName(figures.fact.market);
  if (wish.kind === 'daily') return html`${place}, daily report, <b>${dayText(wish.fromUs)}</b>, 00:00 to 24:00 UTC`;
  if (wish.kind === 'weekly') {
    return html`${place}, weekly report, <b>${dayText(wish.fromUs)}</b> to <b>${dayText(wish.toUs - 1)}</b>, UTC`;
  }
  return html`${place}, <b>${instantText(wish.fromUs)}</b> to <b>${instantText(wish.toUs)}</b>`;
}

function marketName(market: string): string {
  return { spot: 'Binance spot', usdm: 'Binance USD-M', coinm: 'Binance COIN-M' }[market] ?? market;
}

function periodOption({ kind, fromUs, toUs }: ReportWish): string {
  const iso = (us: number) => new Date(us / 1000).toISOString();
  if (kind === 'daily') return `--day ${iso(fromUs).slice(0, 10)}`;
  if (kind === 'weekly') return `--week ${iso(fromUs).slice(0, 10)}`;
  return `--from ${iso(fromUs).slice(0, 16)}Z --to ${iso(toUs).slice(0, 16)}Z`;
}

function logo(): Markup {
  return html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 1V15"/><path class="m" d="M3 8H15"/></svg>`;
}
