import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { GapRow } from '../../src/protocol/api.ts';
import { chromiumPath, docsImages, type StartedDemo, startDemo, until } from './started.ts';

const wantsPictures = process.env['TIDEMARK_SCREENSHOTS'] === '1';
const patienceMs = 20_000;

let demo: StartedDemo;
let browser: Browser;

async function open(path: string, width = 1440, height = 900, colorScheme: 'dark' | 'light' = 'dark'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(`${demo.url}${path}`);
  await page.waitForFunction(() => document.querySelector('[data-testid=legend]') !== null, undefined, {
    timeout: patienceMs,
  });
  return page;
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
  await page.context().close();
});

/** Kills the recorder again whenever it comes back for a while, so that trades are surely missed. */
async function missTrades(page: Page): Promise<void> {
  for (let kill = 0; kill < 12; kill++) {
    demo.killRecorder();
    await page.waitForTimeout(250);
  }
}

test('a recorder that dies leaves a gap that is shown, repaired and marked', async () => {
  if (wantsPictures) await new Promise((resolve) => setTimeout(resolve, 60_000));
  const page = await open('/chart/binance:spot:BTCUSDT?i=1s');
  await picture(page, 'demo-dark');
  await missTrades(page);
  const isRepaired = async (): Promise<boolean> => {
    const answer = await fetch(`${demo.url}/api/v1/gaps?instrument=binance:spot:BTCUSDT`);
    const gaps = (await answer.json()) as GapRow[];
    return gaps.some((gap) => gap.stream === 'trade' && gap.reason === 'process-stop' && gap.state === 'repaired');
  };
  await until('a repaired gap of trades', patienceMs, isRepaired);
  await until('marked bars', patienceMs, async () => {
    if ((await page.locator('.popover').count()) === 0) await page.locator('[data-item="Gaps"]').click();
    return /Bars repaired in view\s+[1-9]/.test(await page.locator('.popover').innerText());
  });
  await page.keyboard.press('Escape');
  await until('complete again', patienceMs, async () =>
    /complete/.test(await page.locator('[data-item="Held in view"]').innerText()),
  );
  await picture(page, 'demo-repaired');
  await page.context().close();
});

test('an open gap, caught before it is repaired', { skip: !wantsPictures }, async () => {
  const page = await open('/chart/binance:spot:BTCUSDT?i=1s');
  await page.exposeFunction('gapIsDrawn', () => demo.holdEngine(true));
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      if (document.querySelector('.gap-label') === null) return;
      observer.disconnect();
      (window as unknown as { gapIsDrawn: () => void }).gapIsDrawn();
    }).observe(document.body, { subtree: true, childList: true });
  });
  await missTrades(page);
  await page.locator('.gap-label').first().waitFor({ timeout: patienceMs });
  await page.waitForTimeout(200);
  if ((await page.locator('.gap-label').count()) > 0) await picture(page, 'demo-gap');
  demo.holdEngine(false);
  await page.context().close();
});

test('light and narrow pages of the demo show the same market', { skip: !wantsPictures }, async () => {
  const light = await open('/chart/binance:spot:ETHUSDT?i=1s', 1440, 900, 'light');
  await light.waitForTimeout(3_000);
  const box = (await light.getByTestId('plot').boundingBox())!;
  await light.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.4);
  await light.waitForTimeout(300);
  await picture(light, 'demo-light');
  await light.context().close();
  const narrow = await open('/chart/binance:spot:BTCUSDT?i=1s', 390, 844);
  await narrow.waitForTimeout(3_000);
  await picture(narrow, 'demo-phone');
  await narrow.context().close();
});

// The last test: it ends the demo.
test('when the demo dies the page says so, and keeps what it has', async () => {
  const page = await open('/chart/binance:spot:BTCUSDT?i=1s');
  await until('LIVE', patienceMs, async () => /LIVE/.test(await page.locator('.strip').innerText()));
  await demo.kill();
  await until('the banner', patienceMs, async () => (await page.locator('.banner').count()) > 0);
  assert.match(await page.locator('.strip').innerText(), /RECONNECTING/);
  assert.ok(await page.getByTestId('legend').isVisible());
  await picture(page, 'demo-disconnected');
  await page.context().close();
});
