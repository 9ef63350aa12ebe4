import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where real recordings lie: `TIDEMARK_RECORDINGS`, or `../shared/data` beside the clone. */
export const recordingsFolder = resolve(process.env['TIDEMARK_RECORDINGS'] ?? join(root, '..', 'shared', 'data'));

export const hasRecordings = existsSync(join(recordingsFolder, 'binance'));

const absence = `no recordings at ${recordingsFolder}; set TIDEMARK_RECORDINGS`;

/**
 * Options for a test that needs recordings: `test('…', needsRecordings, () => …)`. Without them the test is skipped with
 * its reason; where CI=true it runs and `recording` fails it, so that a pipeline cannot pass by having compared nothing.
 */
export const needsRecordings: { readonly skip: false | string } = {
  skip: hasRecordings || process.env['CI'] === 'true' ? false : absence,
};

/** Path of one recording, `binance/spot/ws/…`. */
export function recording(path: string): string {
  if (!hasRecordings) throw new Error(absence);
  const full = join(recordingsFolder, path);
  if (!existsSync(full)) throw new Error(`no recording ${path} in ${recordingsFolder}`);
  return full;
}
