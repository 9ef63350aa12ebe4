import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import { listSegments } from '../journal/segment-name.ts';
import { shipAll } from '../journal/shipped.test-fixture.ts';
import { openJournalWriter } from '../journal/writer.ts';
import type { CatalogState } from '../ports/catalog.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { configSchema } from './config.ts';
import { removeOldJournals } from './journal-retention.ts';
import { layoutOf } from './layout.ts';

test('old segments go as far as they are committed and shipped, without the setting none', async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'tidemark-retention-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const world = createNodeWorld();
  const layout = layoutOf(path.join(root, 'data'), root);
  const folder = layout.recorderJournal;
  const store = path.join(root, 'store');
  for (let life = 0; life < 4; life++) {
    const onFailure = (error: Error) => assert.fail(error);
    await (await openJournalWriter(world, { folder, writer: 'recorder', version: '0', onFailure })).close();
    // The last two are not shipped.
    if (life === 1) await shipAll(folder, openFolderBlobs(store), 1 << 20);
  }
  const positions = [{ writer: 'recorder', segment: 4, offset: 0, sequence: 0 }];
  const upkeep = { state: async () => ({ positions }) as unknown as CatalogState };
  const run = (journal: object, shipping: object, isDryRun = false) =>
    removeOldJournals(configSchema.parse({ journal, shipping }), layout, world, upkeep, isDryRun);
  const old = { keepDays: 1e-9 };

  assert.deepEqual(await run({}, {}), { removed: [], kept: [] });
  assert.deepEqual(await run({ keepDays: 1 }, {}), { removed: [], kept: [] });
  const dry = await run(old, { store }, true);
  assert.deepEqual(
    [dry.removed.map(({ segment }) => segment), dry.kept.map(({ segment, why }) => `${segment} ${why}`)],
    [[1], ['2 not-shipped']],
  );
  assert.deepEqual(listSegments(world.files, folder), [1, 2, 3, 4]);
  assert.deepEqual(await run(old, { store }), dry);
  assert.deepEqual(listSegments(world.files, folder), [2, 3, 4]);
  await assert.rejects(run(old, { enabled: true }), { code: 'config-invalid' });
  assert.deepEqual(
    (await run(old, {})).removed.map(({ segment }) => segment),
    [2, 3],
  );
});
