import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../../scripts/install-state.mjs';

const executablePath = findChromium();
const absence = 'no Chromium found; install one or name it with TIDEMARK_CHROMIUM';

/**
 * Options for a test in a browser: `test('…', needsChromium, () => …)`. Without one the test is skipped with its reason; where
 * CI=true it runs and fails, so that a pipeline cannot pass without having looked at the page.
 */
export const needsChromium: { readonly skip: false | string } = {
  skip: executablePath !== undefined || process.env['CI'] === 'true' ? false : absence,
};

export async function launchChromium(): Promise<Browser> {
  if (executablePath === undefined) throw new Error(absence);
  return chromium.launch({ executablePath });
}
