import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumPath, docsImages, type StartedDemo, startDemo, until } from './started.ts';

const wantsPictures = process.env['TIDEMARK_SCREENSHOTS'] === '1';
const patienceMs = 20_000;

let demo: StartedDemo;
let browser: Browser;

const bitcoin = 'binance:spot:BTCUSDT';
const complaints = new Map<Page, string[]>();

interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'dark' | 'light';
  /** The server goes away: the browser itself complains of that. */
  readonly loses?: boolean;
}

async function open(path: string, { width = 1440, height = 900, scheme, loses = false }: Look = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme ?? 'dark',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const said: string[] = [];
  complaints.set(page, said);
  page.on('pageerror', (error) => said.push(error.message));
  page.on('console', (message) => {
    const isOfLoss = loses && /ERR_|WebSocket|Failed to load/.test(message.text());
    if (/^(error|warning)$/.test(message.type()) && !isOfLoss) said.push(message.text());
  });
  await page.goto(`${demo.url}${path}`);
  await page.waitForFunction(() => document.querySelector('[data-testid=legend]') !== null, undefined, {
    timeout: patienceMs,
  });
  return page;
}

/** Closes a page on which nothing went wrong that a user would find in the console. */
async function close(page: Page): Promise<void> {
  assert.deepEqual(complaints.get(page), []);
  await page.context().close();
}

/** Every id in view is held, once, and no bar is without data. */
async function whole(page: Page): Promise<void> {
  await until('complete in view', patienceMs, async () =>
    /complete/.test(await page.locator('[data-item="Held in view"]').innerText()),
  );
  await page.locator('[data-item="Held in view"]').click();
  const facts = page.locator('.popover');
  await facts.waitFor();
  const text = await facts.innerText();
  const [, held, expected] = /Ids held\s+(\d+) of (\d+)/.exec(text) ?? [];
  assert.ok(held !== undefined && Number(held) > 0 && held === expected, text);
  assert.match(text, /Bars without data\s+0 of [1-9]/);
  await page.keyboard.press('Escape');
}

async function picture(page: Page, name: string): Promise<void> {
  if (!wantsPictures) return;
  mkdirSync(docsImages, { recursive: true });
  await page.screenshot({ path: join(docsImages, `${name}.png`) });
}

before(async () => {
  const executablePath = chromiumPath();
  assert.ok(executablePath !== undefined, 'Chromium is on the PATH, or TIDEMARK_CHROMIUM names it');
  [demo, browser] = await Promise.all([startDemo(), chromium.launch({ executablePath })]);
});

// A test that failed while it held the engine must not take the others with it.
afterEach(() => demo?.holdEngine(false));

after(async () => {
  await browser?.close();
  await demo?.kill();
  demo?.clean();
});

test('within twenty seconds the demo shows moving candles, book and tape of three symbols', async () => {
  const page = await open('/');
  const seen = new Set<string>();
  for (let turn = 0; turn < 3; turn++) {
    const symbol = await page.locator('h1').innerText();
    seen.add(symbol);
    await until(
      `levels of ${symbol}`,
      patienceMs,
      async () => (await page.locator('.ladder-row[data-side=ask]').count()) > 3,
    );
    const [price, legend] = [
      await page.locator('.tape-rows').innerText(),
      await page.getByTestId('legend').innerText(),
    ];
    await until(
      `the tape of ${symbol}`,
      patienceMs,
      async () => (await page.locator('.tape-rows').innerText()) !== price,
    );
    await until(`the candles of ${symbol}`, patienceMs, async () => {
      const next = await page.getByTestId('legend').innerText();
      return next !== legend && /forming/.test(next);
    });
    await page.getByTestId('plot').focus();
    await page.keyboard.press(']');
    await until('another symbol', patienceMs, async () => (await page.locator('h1').innerText()) !== symbol);
    await page.getByTestId('legend').waitFor();
  }
  assert.equal(seen.size, 3);
  assert.match(await page.title(), /^SIMULATED/);
  await close(page);
});

/** Kills the recorder again whenever it comes back for a while, so that trades are surely missed. */
async function missTrades(): Promise<void> {
  for (let kill = 0; kill < 8; kill++) {
    demo.killRecorder();
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

test('a recorder that dies leaves a gap that is drawn while it is open, then repaired in place and marked', async () => {
  // A picture of an empty chart says little.
  if (wantsPictures) await new Promise((resolve) => setTimeout(resolve, 60_000));
  const page = await open(`/chart/${bitcoin}?i=1s`);
  await until('LIVE', patienceMs, async () => /LIVE/.test(await page.locator('.strip').innerText()));
  await whole(page);
  await picture(page, 'demo-dark');
  // Bars can be known to be missing a moment before the gap they lie in is; held just then, the page cannot say why.
  const label = page.locator('.gap-label', { hasText: /ids?[\s\S]*process-stop/ }).first();
  const strip = (item: string) => page.locator(`[data-item="${item}"]`);
  // Held too late, the repair is already on its way: then another gap has to do.
  let isDrawn = false;
  for (let attempt = 0; attempt < 5 && !isDrawn; attempt++) {
    const held = demo.holdAtGap(bitcoin, patienceMs);
    await missTrades();
    if (await held)
      isDrawn = await label.waitFor({ timeout: 3_000 }).then(
        () => true,
        () => false,
      );
    if (!isDrawn) demo.holdEngine(false);
  }
  assert.ok(isDrawn, 'the label of a gap');
  const said = await label.innerText();
  await until('no word of complete', patienceMs, async () => !/complete/.test(await strip('Held in view').innerText()));
  await until('a gap in the strip', patienceMs, async () => /^[1-9]/.test(await strip('Gaps').innerText()));
  await picture(page, 'demo-gap');
  demo.holdEngine(false);
  const gaps = await (await fetch(`${demo.url}/api/v1/gaps?instrument=${bitcoin}`)).text();
  assert.match(said, /gap \d\d:\d\d:\d\d[\s\S]*\d+ ids?[\s\S]*process-stop/, `${said}\n${gaps}`);

  await until('no gap label', patienceMs, async () => (await page.locator('.gap-label').count()) === 0);
  await strip('Gaps').click();
  await until('marked bars', patienceMs, async () =>
    /Bars repaired in view\s+[1-9]/.test(await page.locator('.popover').innerText()),
  );
  await page.keyboard.press('Escape');
  await whole(page);
  await picture(page, 'demo-repaired');
  await close(page);
});

test('an engine that dies comes back on the page by itself, with no bar missing or twice and the zoom as it was', async () => {
  const page = await open(`/chart/${bitcoin}?i=1s`, { loses: true });
  await until('LIVE', patienceMs, async () => /LIVE/.test(await page.locator('.strip').innerText()));
  await page.getByTestId('plot').focus();
  const barsOf = async (): Promise<number> =>
    Number(/, (\d+) bars/.exec(await page.getByTestId('range-text').innerText())?.[1]);
  await until('bars to zoom into', patienceMs, async () => (await barsOf()) > 10);
  for (let step = 0; step < 20; step++) await page.keyboard.press('+');
  await until('few bars', patienceMs, async () => (await barsOf()) < 10);
  await page.waitForTimeout(500);
  const bars = await barsOf();
  demo.killEngine();
  await until('RECONNECTING', patienceMs, async () => /RECONNECTING/.test(await page.locator('.strip').innerText()));
  await until('LIVE again', 2 * patienceMs, async () => /LIVE/.test(await page.locator('.strip').innerText()));
  const legend = await page.getByTestId('legend').innerText();
  await until('a legend that moves', patienceMs, async () => (await page.getByTestId('legend').innerText()) !== legend);
  await whole(page);
  assert.ok(Math.abs((await barsOf()) - bars) <= 1, `${await barsOf()} bars in view, ${bars} before`);
  await close(page);
});

test('light, on a tablet and on a phone, nothing is cut off and SIMULATED stands in every strip', async () => {
  for (const { name, path, ...look } of [
    { name: 'demo-light', path: 'binance:spot:ETHUSDT', width: 1440, height: 900, scheme: 'light' },
    { name: 'demo-tablet', path: 'binance:spot:SOLUSDT', width: 768, height: 1024, scheme: 'light' },
    { name: 'demo-phone', path: bitcoin, width: 390, height: 844, scheme: 'dark' },
  ] as const) {
    const page = await open(`/chart/${path}?i=1s`, look);
    await until(`LIVE at ${look.width}`, patienceMs, async () =>
      /SIMULATED[\s\S]*LIVE/.test(await page.locator('.strip').innerText()),
    );
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), look.width);
    assert.equal(await page.evaluate(() => document.documentElement.dataset['theme']), look.scheme);
    if (look.width > 400) {
      await page.locator('.ladder-row[data-side=bid]').nth(2).waitFor({ timeout: patienceMs });
      await page.locator('.tape-row .quantity').nth(2).waitFor({ timeout: patienceMs });
      const box = (await page.getByTestId('plot').boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.4);
    }
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('.ladder-row > span, .tape-row > span, .panel-head > *, .strip-item')]
        .filter((node) => node.getClientRects().length > 0)
        .filter((node) => {
          const panel = node.closest('.panel, .strip')!.getBoundingClientRect();
          return node.scrollWidth > node.clientWidth + 1 || node.getBoundingClientRect().right > panel.right + 0.5;
        })
        .map((node) => `${node.className}: ${node.textContent}`),
    );
    assert.deepEqual(cut, [], `${look.width} px`);
    if (wantsPictures && name !== 'demo-tablet') await picture(page, name);
    await close(page);
  }
});

// The last test: it ends the demo.
test('when the demo dies the page says so, and keeps what it has', async () => {
  const page = await open(`/chart/${bitcoin}?i=1s`, { loses: true });
  await until('LIVE', patienceMs, async () => /LIVE/.test(await page.locator('.strip').innerText()));
  await demo.kill();
  await until('the banner', patienceMs, async () => (await page.locator('.banner').count()) > 0);
  assert.match(await page.locator('.strip').innerText(), /RECONNECTING/);
  assert.ok(await page.getByTestId('legend').isVisible());
  await picture(page, 'demo-disconnected');
  await close(page);
});
