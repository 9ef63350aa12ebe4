import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./parquet-lake.test-full-disk.ts', import.meta.url));

/** A small file system of our own, seen by one process only; not every system lets us have one. */
function onSmallDisk(folder: string, command: readonly string[]) {
  const mount = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"';
  return spawnSync('unshare', ['-rm', 'sh', '-c', mount, folder, ...command], { encoding: 'utf8' });
}

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
