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

const pages = [
  { path: '/jobs', ready: '[data-run]', opens: 'Run now…' },
  { path: '/jobs?state=failed', ready: '[data-run]', opens: 'New…' },
  { path: '/sql', ready: '.cm-content', opens: 'History' },
  { path: '/reports', ready: '.reports tbody tr', opens: 'Make a report…' },
] as const;

for (const scheme of ['dark', 'light'] as const)
  for (const { path, ready, opens } of pages) {
    test(
      `the accessibility checker finds nothing on ${path}, ${scheme}, nor in a dialog of it`,
      needsChromium,
      async () => {
        const context = await browser.newContext({
          viewport: { width: 1440, height: 900 },
          colorScheme: scheme,
          reducedMotion: 'reduce',
        });
        const page = await context.newPage();
        await page.goto(`${market.url}${path}`);
        await page.locator(ready).first().waitFor();
        if (path === '/sql') {
          await page.locator('.cm-content').click();
          await page.keyboard.press('Control+a');
          await page.keyboard.insertText('select 1');
          await page.keyboard.press('Control+Enter');
          await page.getByTestId('sql-result').waitFor();
        }
        assert.deepEqual(await findings(page), [], 'page');
        await page.getByRole('button', { name: opens }).click();
        await page.getByRole('dialog').waitFor();
        assert.deepEqual(await findings(page, '.dialog'), [], opens);
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        if (scheme === 'dark') {
          await page.setViewportSize({ width: 390, height: 844 });
          assert.deepEqual(await findings(page), [], 'narrow');
        }
        await context.close();
      },
    );
  }

test('every part of the working pages is reached by keys, and none holds the focus', needsChromium, async () => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  const page = await context.newPage();
  for (const { path, ready } of pages) {
    await page.goto(`${market.url}${path}`);
    await page.locator(ready).first().waitFor();
    const seen = new Set<string>();
    let isBack = false;
    // Once around: out of the page's end the focus comes to its beginning again.
    for (let step = 0; step < 160 && !isBack; step++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const node = document.activeElement;
        if (node === null || node === document.body) return 'body';
        const section = node.closest('section, nav, header, main');
        return section?.getAttribute('aria-label') ?? section?.className ?? section?.tagName ?? '';
      });
      isBack = at === 'body' && seen.size > 3;
      seen.add(at);
    }
    assert.ok(isBack, `${path}: ${[...seen].join(', ')}`);
    const wanted =
      path === '/sql'
        ? ['Tables', 'Editor', 'Parameters']
        : path === '/reports'
          ? ['List']
          : ['Graph', 'Runs', 'Log', 'Catch-up'];
    const words = [...seen].join(' | ');
    for (const part of wanted)
      assert.ok(words.includes(part) || words.includes('Jobs and what'), `${path} ${part}: ${words}`);
  }
  await context.close();
});
