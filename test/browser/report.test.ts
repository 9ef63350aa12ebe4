import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { findChromium } from '../../scripts/install-state.mjs';
import { instrumentId } from '../../src/domain/instrument.ts';
import { dayUs, hourUs, minuteUs } from '../../src/domain/interval.ts';
import { silentLog } from '../../src/ports/log.ts';
import { openChromiumPrinter } from '../../src/printer/chromium.ts';
import { dailyWish, makeReport, ReportShelf } from '../../src/reports/index.ts';
import type { RecordedLake } from '../../src/reports/recorded-day.test-fixture.ts';
import {
  btc,
  dayStartUs,
  eth,
  hostile,
  openRecordedLake,
  usualGaps,
} from '../../src/reports/recorded-day.test-fixture.ts';
import { openDuckdbWarehouse } from '../../src/warehouse/duckdb.ts';
import { openTableFiles } from '../../src/warehouse/parquet-file.ts';
import { launchChromium, needsChromium } from './chromium.ts';

const wantsPictures = process.env['TIDEMARK_SCREENSHOTS'] === '1';
const docsImages = join(import.meta.dirname, '../../docs/images');
const font = join(
  import.meta.dirname,
  '../../node_modules/@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2',
);
const more = ['SOLUSDT', 'BNBUSDT', 'XRPUSDT'].map((symbol) => ({ venue: 'binance', market: 'spot', symbol }) as const);
const folder = mkdtempSync(join(tmpdir(), 'tidemark-report-pages-'));
/** Pages on the disk, as they would lie there after a download. */
const pages: Record<'instrument' | 'market', string> = { instrument: '', market: '' };
const papers: Record<'instrument' | 'market', Buffer> = { instrument: Buffer.of(), market: Buffer.of() };
let browser: Browser;
let recorded: RecordedLake | undefined;

before(
  async () => {
    if (needsChromium.skip !== false) return;
    recorded = await openRecordedLake(folder);
    const partial = {
      fromUs: dayStartUs + 780 * minuteUs,
      toUs: dayStartUs + 800 * minuteUs,
      state: 'partial',
    } as const;
    await recorded.record({
      instruments: [btc, eth, hostile, ...more],
      fromUs: dayStartUs - hourUs,
      toUs: dayStartUs + dayUs + hourUs,
      gaps: usualGaps,
      states: [partial],
    });
    const { lake, blobs } = recorded;
    const shelf = new ReportShelf(blobs);
    const workshop = {
      lake,
      blobs,
      shelf,
      warehouse: openDuckdbWarehouse({ concurrency: 1 }),
      tableFiles: openTableFiles(join(folder, 'files')),
      printer: openChromiumPrinter({ executable: findChromium(), scratchFolder: join(folder, 'print') }),
      clock: { wallUs: () => dayStartUs + 26 * hourUs, monotonicUs: () => 0 },
      log: silentLog,
      dataKind: 'simulated' as const,
      version: '0.1.0',
      font: readFileSync(font).toString('base64'),
    };
    for (const [name, subject] of [
      ['instrument', instrumentId(btc)],
      ['market', 'market'],
    ] as const) {
      const { report } = await makeReport(workshop, dailyWish(subject, '2026-03-18'));
      assert.equal(report.pdfAbsence, null);
      pages[name] = join(folder, `${name}.html`);
      writeFileSync(pages[name], (await shelf.file(report.id, 'report.html')).bytes);
      papers[name] = Buffer.from((await shelf.file(report.id, 'report.pdf')).bytes);
    }
    browser = await launchChromium();
  },
  { timeout: 120_000 },
);

after(async () => {
  await browser?.close();
  await recorded?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A page with everything it asked for or complained of. */
async function open(
  name: 'instrument' | 'market',
  options: BrowserContextOptions,
): Promise<{ page: Page; noise: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  const page = await context.newPage();
  const noise: string[] = [];
  page.on('console', (message) => noise.push(message.text()));
  page.on('pageerror', (error) => noise.push(String(error)));
  page.on('request', (request) => noise.push(request.url()));
  page.on('dialog', (dialog) => noise.push(dialog.message()));
  const url = pathToFileURL(pages[name]).href;
  await page.goto(url);
  assert.equal(noise.shift(), url);
  return { page, noise: noise.filter((line) => !line.startsWith('data:font/')) };
}

for (const name of ['instrument', 'market'] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(
      `the ${name} report stands alone in ${colorScheme}: nothing is asked for, nothing complains, the accessibility checker finds nothing`,
      needsChromium,
      async () => {
        const { page, noise } = await open(name, { colorScheme });
        assert.deepEqual(noise, []);
        const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).analyze();
        assert.deepEqual(
          violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.html).join(' | ')}`.slice(0, 600)),
          [],
        );
        const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(background, colorScheme === 'light' ? 'rgb(232, 235, 239)' : 'rgb(9, 11, 15)');
        assert.match(await page.title(), /^SIMULATED · Daily report/);
        if (wantsPictures && name === 'instrument') {
          mkdirSync(docsImages, { recursive: true });
          await page.setViewportSize({ width: 900, height: 1240 });
          await page.screenshot({ path: join(docsImages, `report-${colorScheme}.png`) });
        }
        await page.context().close();
      },
    );
  }

  test(`the ${name} report is read on a phone without moving the page sideways`, needsChromium, async () => {
    const { page } = await open(name, { viewport: { width: 390, height: 844 }, colorScheme: 'light' });
    assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [390, 390]);
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('svg text')]
        .map((text) => text.getBoundingClientRect().height)
        .filter((height) => height > 0 && height < 8),
    );
    assert.deepEqual(small, [], 'letters of drawings stay readable');
    await page.context().close();
  });

  test(`the ${name} report is a PDF of several sheets of A4 that says what it is`, needsChromium, () => {
    const text = papers[name].toString('latin1');
    const sheets = text.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    assert.ok(sheets >= 2 && sheets <= 6, `${sheets} sheets`);
    assert.ok(
      [...text.matchAll(/\/MediaBox\s*\[([^\]]+)\]/g)].every(([, box]) =>
        /^0 0 59[45]\.\d+ 84[12]\.\d+$/.test(box!.trim()),
      ),
    );
    const [, title = ''] = /\/Title\s*<([0-9A-Fa-f]+)>/.exec(text) ?? [];
    const words = Buffer.from(title, 'hex').swap16().toString('utf16le').replace('\ufeff', '');
    assert.match(words, /^SIMULATED · Daily report/);
  });

  test(
    `on paper the ${name} report is light whatever the screen is, as wide as the sheet, and marked on each`,
    needsChromium,
    async () => {
      const { page } = await open(name, { colorScheme: 'dark' });
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      const look = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        return {
          panel: style.getPropertyValue('--panel'),
          water: getComputedStyle(document.querySelector('.water')!).position,
        };
      });
      assert.deepEqual(look, { panel: '#ffffff', water: 'fixed' });
      await page.context().close();
    },
  );
}

test('names and findings that try to be markup are read as they are written', needsChromium, async () => {
  const { page } = await open('market', { colorScheme: 'light' });
  const text = (await page.locator('main').textContent()) ?? '';
  assert.ok(text.includes(`=X'--"><SCRIPT>..&/Ü`));
  assert.ok(text.includes('<img src=x onerror=alert(1)>'));
  assert.equal(await page.locator('img, script').count(), 0);
  await page.context().close();
});

test('every drawing has a description, and every table names its columns', needsChromium, async () => {
  for (const name of ['instrument', 'market'] as const) {
    const { page } = await open(name, { colorScheme: 'light' });
    const nameless = await page.evaluate(() => ({
      drawings: [...document.querySelectorAll('svg[role=img]')].filter(
        (svg) => (svg.getAttribute('aria-label') ?? '').length < 10,
      ).length,
      columns: [...document.querySelectorAll('thead')].filter((head) => head.querySelector('th[scope=col]') === null)
        .length,
    }));
    assert.deepEqual(nameless, { drawings: 0, columns: 0 });
    await page.context().close();
  }
});
