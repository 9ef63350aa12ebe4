import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  chromiumOnPath,
  isInstalled,
  isWebBuilt,
  lockHash,
  pinnedNodeProblem,
  stampPath,
  webSourceHash,
  webStampPath,
  withSetupLock,
} from '../scripts/install-state.mjs';

const made: string[] = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

function emptyClone(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-setup-'));
  made.push(folder);
  writeFileSync(join(folder, 'package-lock.json'), '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
  return folder;
}

function write(folder: string, path: string, text: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
}

test('a clone counts as installed once its lock is stamped, and no longer when the lock changes', () => {
  const clone = emptyClone();
  assert.equal(isInstalled(clone), false);
  write(clone, 'node_modules/.tidemark-stamp', lockHash(clone));
  assert.equal(isInstalled(clone), true);
  writeFileSync(join(clone, 'package-lock.json'), '{"packages":{"node_modules/a":{"version":"2.0.0"}}}');
  assert.equal(isInstalled(clone), false);
});

test('what npm installed by itself from the same lock is accepted and stamped', () => {
  const clone = emptyClone();
  write(clone, 'node_modules/.package-lock.json', '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
  assert.equal(isInstalled(clone), true);
  assert.ok(existsSync(stampPath(clone)));
});

test('the dashboard is built anew after a change of its sources or of the protocol, not after one of a test', () => {
  const clone = emptyClone();
  write(clone, 'web/vite.config.ts', 'export default {};');
  write(clone, 'src/protocol/api.ts', 'export type A = 1;');
  assert.equal(isWebBuilt(clone), false);
  write(clone, 'dist/web/index.html', '<p>');
  writeFileSync(webStampPath(clone), webSourceHash(clone));
  assert.equal(isWebBuilt(clone), true);
  write(clone, 'web/src/a.test.ts', 'test();');
  assert.equal(isWebBuilt(clone), true);
  write(clone, 'src/protocol/api.ts', 'export type A = 2;');
  assert.equal(isWebBuilt(clone), false);
});

test('a missing Node is refused with the command that brings it, by cause', () => {
  const clone = emptyClone();
  const node = join(clone, 'node_modules', '.bin', 'node');
  assert.match(
    pinnedNodeProblem(node, { NODE_ENV: 'production' }) ?? '',
    /NODE_ENV=production[\s\S]*npm ci --include=dev/,
  );
  assert.match(pinnedNodeProblem(node, {}) ?? '', /npm rebuild node --ignore-scripts=false/);
  assert.equal(pinnedNodeProblem(process.execPath, {}), undefined);
});

test('one setup works at a time, and the lock of a dead one is taken over', () => {
  const clone = emptyClone();
  const lock = join(clone, 'dist', 'setup.lock');
  write(clone, 'dist/setup.lock/owner.json', '{"pid":2147483646}');
  const answer = withSetupLock(clone, () => {
    assert.ok(existsSync(lock));
    return 7;
  });
  assert.equal(answer, 7);
  assert.ok(!existsSync(lock));
  assert.throws(() =>
    withSetupLock(clone, () => {
      throw new Error('failed');
    }),
  );
  assert.ok(!existsSync(lock));
});

test('a named browser is taken before any on PATH, and one that is not there is none', () => {
  assert.equal(chromiumOnPath({ TIDEMARK_CHROMIUM: process.execPath, PATH: '' }), process.execPath);
  assert.equal(chromiumOnPath({ TIDEMARK_CHROMIUM: '/no/such/browser', PATH: process.env['PATH'] }), undefined);
  assert.equal(chromiumOnPath({ PATH: '' }), undefined);
});
