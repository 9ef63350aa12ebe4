import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { instrumentId } from '../domain/instrument.ts';
import { dayUs, hourUs } from '../domain/interval.ts';
import { dataKinds } from '../domain/state.ts';
import { grouped, percentText, shortText } from './figure-text.ts';
import type { InstrumentFigures } from './figures.ts';
import { html } from './markup.ts';
import { reportPage } from './page.ts';
import { dailyWish } from './period.ts';
import { btc, dayStartUs, hostile, usualGaps } from './recorded-day.test-fixture.ts';
import { darkColours, lightColours } from './style.ts';
import { openTestWorkshop } from './workshop.test-fixture.ts';

const imprint = {
  id: 'daily-x-r1',
  version: '0.0.0',
  catalogVersion: 41_006,
  contentHash: 'ab'.repeat(32),
  madeAtUs: dayStartUs + dayUs,
  files: ['candles.csv'],
};
const day = { fromUs: dayStartUs, toUs: dayStartUs + dayUs + hourUs, gaps: usualGaps, tradeEveryUs: 60_000_000 };

/** Tags of a page, without what is text. */
const tagsOf = (page: string) => [...page.matchAll(/<(\/?[a-zA-Z][a-zA-Z0-9]*)/g)].map(([, tag]) => tag).join(' ');

test('whatever a venue calls things, it is text: between tags, in attributes, and for every string there is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (hostileText) => {
      const page = html`<b title="${hostileText}">${hostileText}</b>`.text;
      assert.equal(tagsOf(page), 'b /b');
      assert.equal(page.match(/"/g)?.length, 2);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these must be gone
      assert.ok(!/[\u0000-\u0008\u202e]/.test(page));
    }),
  );
});

test('a page with hostile names and findings has the tags of a page without them', async (t) => {
  const { figures } = await openTestWorkshop(t, [{ ...day, instruments: [hostile] }]);
  const found = (await figures(dailyWish(instrumentId(hostile), '2026-03-18'))) as InstrumentFigures;
  const tame = JSON.parse(
    JSON.stringify(found, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? value.replace(/[<>&'"]/g, 'x') : value,
    ),
    (_, value: unknown) => (typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value),
  ) as InstrumentFigures;
  const page = reportPage(found, imprint);
  assert.equal(tagsOf(page), tagsOf(reportPage(tame, imprint)));
  assert.ok(page.includes('&lt;SCRIPT&gt;') && page.includes('&lt;img src=x onerror=alert(1)&gt;'));
});

test('a page stands alone: no script, no address but those of namespaces, no file', async (t) => {
  const { figures } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }]);
  for (const subject of [instrumentId(btc), 'market']) {
    const page = reportPage(await figures(dailyWish(subject, '2026-03-18')), { ...imprint, font: 'AAAA' });
    assert.ok(!/<script|<link|<iframe|<object|<img|<[^>]*\s(on[a-z]+|href|src)=|@import/i.test(page));
    assert.deepEqual(
      [...page.matchAll(/url\(([^)]{0,20})/g)].map(([, to]) => to!.slice(0, 9)).filter((to) => !to.startsWith('#')),
      ['data:font'],
    );
    assert.match(
      page,
      /<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;|content="default-src 'none'/,
    );
  }
});

test('what is not real says so in the title, on the page, behind it and on every sheet; what is real says no such thing', async (t) => {
  const { figures } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }]);
  const found = await figures(dailyWish(instrumentId(btc), '2026-03-18'));
  for (const dataKind of dataKinds) {
    const page = reportPage({ ...found, dataKind }, imprint);
    const mark = { simulated: 'SIMULATED', replay: 'REPLAY' }[dataKind as string];
    if (mark === undefined) {
      assert.ok(!/SIMULATED|REPLAY/.test(page));
      continue;
    }
    assert.match(page, new RegExp(`<title>${mark} · `));
    assert.match(page, new RegExp(`\\.water::before\\{content:"${mark}"`));
    assert.match(page, new RegExp(`@top-center\\{content:"${mark}`));
    assert.match(page, new RegExp(`@bottom-left\\{[^}]*content:"${mark}`));
    assert.match(page, new RegExp(`class="pill p-unreal">${mark}<`));
  }
});

test('what is missing is said, never drawn as if it were there', async (t) => {
  const { figures } = await openTestWorkshop(t, [{ ...day, instruments: [btc], hasBooks: false, gaps: [] }]);
  const found = (await figures(dailyWish(instrumentId(btc), '2026-03-18'))) as InstrumentFigures;
  assert.match(reportPage(found, imprint), /No book data are recorded in this range/);
  const empty = reportPage(
    {
      ...found,
      bars: [],
      whole: undefined,
      profile: undefined,
      volatility: undefined,
      streams: [],
      peers: [],
      gaps: [],
      findings: [],
    },
    imprint,
  );
  for (const words of [
    /No trades are held in this range/,
    /No stream was recorded/,
    /there is no chart/,
    /No gap and no finding/,
  ])
    assert.match(empty, words);
  const partly = { ...found, bars: found.bars.slice(600, 700), spread: [], depth: [] };
  assert.match(reportPage(partly, imprint), /not recorded/);
  assert.match(
    reportPage({ ...found, state: 'provisional', unsettled: ['2 candles are not yet verified'] }, imprint),
    /Provisional:<\/b> 2 candles are not yet verified/,
  );
  const held = {
    ...found,
    state: 'partial' as const,
    gaps: [
      {
        instrument: instrumentId(btc),
        stream: 'trade',
        openedAtUs: dayStartUs,
        closedAtUs: undefined,
        missingIds: 12,
        ids: 12,
        byAggregateIds: 0,
        state: 'declared' as const,
        reason: 'server-drop' as const,
        tried: '',
      },
    ],
  };
  assert.match(reportPage(held, imprint), /Not complete:<\/b> 1 declared gap, 12 ids missing/);
});

test('every exact figure stands on the page with all its digits', async (t) => {
  const { figures } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }]);
  const found = (await figures(dailyWish(instrumentId(btc), '2026-03-18'))) as InstrumentFigures;
  const page = reportPage(found, imprint).replaceAll('\u2009', '');
  const text = (value: bigint, scale: number) => {
    const digits = value.toString().padStart(scale + 1, '0');
    return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`.replace(/0+$/, '');
  };
  const { whole } = found;
  for (const value of [whole!.volume, whole!.takerBuyVolume]) assert.ok(page.includes(text(value, 8)), text(value, 8));
  for (const value of [whole!.quoteVolume, whole!.takerBuyQuoteVolume])
    assert.ok(page.includes(text(value, 16)), text(value, 16));
});

test('numbers are grouped without losing a digit, shortened without growing, and what is not all never reads as all', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (value) => {
      assert.equal(grouped(String(value)).replaceAll('\u2009', '').replace('\u2212', '-'), String(value));
    }),
  );
  assert.deepEqual(
    [0n, 999n, 1000n, 12_345n, 999_999n, 20_504_999_999n].map((value) => shortText(value, 0)),
    ['0.00', '999.0', '1.00 k', '12.34 k', '999.9 k', '20.50 B'],
  );
  assert.deepEqual(
    [1, 0.99999, 0.5, 0].map((share) => percentText(share)),
    ['100 %', '99.99 %', '50.00 %', '0.00 %'],
  );
});

test('a report has the colours of the dashboard', () => {
  const css = readFileSync(join(import.meta.dirname, '../../web/src/tokens.css'), 'utf8');
  for (const [theme, colours] of [
    ['light', lightColours],
    ['dark', darkColours],
  ] as const) {
    const block = css.slice(css.indexOf(`[data-theme="${theme}"]`)).split('}')[0]!;
    const tokens = Object.fromEntries(
      [...block.matchAll(/--([a-z0-9-]+):\s*(#[0-9a-f]+);/g)].map(([, name, colour]) => [name, colour]),
    );
    for (const [name, colour] of Object.entries(colours)) assert.equal(colour, tokens[name], `${theme} ${name}`);
  }
});
