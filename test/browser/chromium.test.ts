import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchChromium, needsChromium } from './chromium.ts';

test('the browser found here draws a page', needsChromium, async () => {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.setContent('<p id="tide">high</p>');
    assert.equal(await page.evaluate(() => document.getElementById('tide')?.textContent), 'high');
  } finally {
    await browser.close();
  }
});
