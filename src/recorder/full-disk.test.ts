import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onSmallDisk } from '../../test/support/small-disk.ts';

const script = fileURLToPath(new URL('./full-disk.fixture.ts', import.meta.url));

test('a full disk ends recording by its name, takes nothing that was acknowledged, and recording goes on when there is room', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-full-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (onSmallDisk(folder, ['true']).status !== 0) {
    t.skip('this system lets us mount no small file system');
    return;
  }
  const run = onSmallDisk(folder, [process.execPath, script, folder]);
  assert.equal(run.status, 0, run.stderr);
  const { full, again, later, frames, damaged, lost, isInOrder, logged } = JSON.parse(run.stdout);
  assert.equal(full.failure.code, 'disk-full');
  assert.match(
    full.failure.message,
    /no space is left.*free some space and start again; what was acknowledged is safe/,
  );
  assert.ok(logged.includes('the journal failed: recording has ended'));
  assert.equal(again, 'disk-full');
  assert.equal(later.failure, undefined);
  assert.ok(full.syncedSequence > 500 && later.syncedSequence >= full.syncedSequence + 100);
  assert.ok(frames > 600, `${frames} frames`);
  assert.deepEqual([lost, damaged, isInOrder], [0, 0, true]);
});
