import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { launchChromium, needsChromium } from './chromium.ts';
import { type Started, startMarket } from './started.ts';

let market: Started;
let browser: Browser;

before(async () => {
  if (needsChromium.skip === false) [market, browser] = await Promise.all([startMarket(), launchChromium()]);
});

after(async () => {
  await browser?.close();
  await market?.kill();
});

/** Findings of the checker in the page or a part of it, of any weight. */
async function findings(page: Page, part?: string): Promise<string[]> {
  const checker = new AxeBuilder({ page }).options({ resultTypes: ['violations'] });
  const { violations } = await (part === undefined ? checker : checker.include(part)).analyze();
  return violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.html).join(' | ')}`.slice(0, 500));
}

for (const scheme of ['dark', 'light'] as const) {
  test(`the accessibility checker finds nothing on the ${scheme} page and its menus`, needsChromium, async () => {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      colorScheme: scheme,
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    await page.goto(`${market.url}/chart/binance:spot:BTCUSDT?i=1m`);
    await page.locator('.ladder-row[data-side=bid]').nth(2).waitFor();
    await page.locator('.tape-row .quantity').nth(2).waitFor();
    assert.deepEqual(await findings(page), [], 'page');
    await page.locator('[data-item="Held in view"]').click();
    await page.locator('.popover').waitFor();
    assert.deepEqual(await findings(page, '.popover'), [], 'popover');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.locator('.palette').waitFor();
    assert.deepEqual(await findings(page, '.palette'), [], 'palette');
    await page.keyboard.press('Escape');
    // The narrow form has the same colours: one theme is enough.
    if (scheme === 'dark') {
      await page.setViewportSize({ width: 390, height: 844 });
      assert.deepEqual(await findings(page), [], 'narrow');
    }
    await context.close();
  });
}
