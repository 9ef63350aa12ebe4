import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onSmallDisk } from '../../test/support/small-disk.ts';

const script = fileURLToPath(new URL('./parquet-lake.test-full-disk.ts', import.meta.url));

test('a full disk fails the commit by its name, changes nothing, and the lake goes on when there is room', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-full-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (onSmallDisk(folder, ['true']).status !== 0) {
    t.skip('this system lets us mount no small file system');
    return;
  }
  const run = onSmallDisk(folder, [process.execPath, script, folder]);
  assert.equal(run.status, 0, run.stderr);
  const { failure, after, next, rows, incoming } = JSON.parse(run.stdout);
  assert.equal(failure.code, 'disk-full', failure.message);
  assert.equal(after, 1);
  assert.equal(next, 2);
  assert.equal(rows, 20);
  assert.deepEqual(incoming, []);
});
