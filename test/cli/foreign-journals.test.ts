import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import { openJournalWriter } from '../../src/journal/writer.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { runTidemark, TemporaryFolder } from '../support/processes.ts';

test('an engine whose journals end before what the catalog was derived from is refused, and does not take the turn', async (t) => {
  const folder = new TemporaryFolder('foreign-journals');
  t.after(() => folder.remove());
  const layout = layoutOf(folder.dataDir, folder.path);
  for (const [writer, path] of [
    ['recorder', layout.recorderJournal],
    ['engine', layout.engineJournal],
  ] as const) {
    const journal = await openJournalWriter(createNodeWorld(), {
      folder: path,
      writer,
      version: '1',
      onFailure: () => {},
    });
    await journal.close();
  }
  const catalog = await openSqliteCatalog(layout.catalog);
  t.after(() => catalog.close());
  const fence = await catalog.takeFence();
  const position = { writer: 'recorder', segment: 7, offset: 4096, sequence: 1000 };
  await catalog.commit(fence, { addFiles: [], removeFiles: [], positions: [position] });

  const { code, stderr } = await runTidemark(['--config', folder.settings({ server: { port: 0 } }), 'serve']);
  assert.equal(code, exitCodes.conflict, stderr);
  assert.match(stderr, /recorder wrote up to segment 7 offset 4096.*tidemark restore.*\[journal-behind\]/);
  assert.equal(await catalog.currentFence(), fence, 'whoever writes goes on');
});
