import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { nodeJournalHost } from '../journal/node-host.ts';
import { startFolderAnew } from './demo-folder.ts';
import { layoutOf } from './layout.ts';

function usedFolder(t: { after(callback: () => void): void }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-demo-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const layout = layoutOf(path.join(folder, 'data'), folder);
  for (const journal of [layout.recorderJournal, layout.engineJournal]) mkdirSync(journal, { recursive: true });
  const left = path.join(layout.recorderJournal, 'segment-of-another-market');
  writeFileSync(left, 'x');
  return { layout, left };
}

test('a demo starts in an empty folder, whatever was left in it', async (t) => {
  const { layout, left } = usedFolder(t);
  await startFolderAnew(layout, 0);
  assert.ok(existsSync(layout.dataDir) && !existsSync(left));
});

test('nothing is removed under a demo that still writes, and it is waited for while it ends', async (t) => {
  const { layout, left } = usedFolder(t);
  const other = nodeJournalHost.lock(layout.engineJournal, { writer: 'engine', version: '1' });
  await assert.rejects(startFolderAnew(layout, 0), { code: 'journal-locked' });
  assert.ok(existsSync(left));
  const started = startFolderAnew(layout, 60_000);
  other.release();
  await started;
  assert.ok(!existsSync(left));
});
