import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onSmallDisk } from '../../test/support/small-disk.ts';
import { openCachedBlobs } from './cached.ts';
import { FarBlobs } from './far-blobs.test-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-cached-'));
after(() => rmSync(root, { recursive: true, force: true }));
let opened = 0;

const inUseMs = 60_000;

function open(options: { maxBytes?: number; far?: FarBlobs; folder?: string } = {}) {
  const { maxBytes = 1e9, far = new FarBlobs(), folder = join(root, String(opened++)) } = options;
  const store = openCachedBlobs(far, { folder, maxBytes, inUseMs });
  return { far, store, folder };
}

const kibibyte = (fill: number): Uint8Array => new Uint8Array(1024).fill(fill);

/** As if the path had been given out so long ago. */
function age(path: string, ms: number): void {
  const then = new Date(Date.now() - ms);
  utimesSync(path, then, then);
}

const copies = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

test('a blob is fetched once, however many ask for it at once and after a restart', async () => {
  const { far, store, folder } = open();
  await far.put('a/b', kibibyte(1));
  const paths = await Promise.all(Array.from({ length: 20 }, () => store.localPath('a/b')));
  assert.deepEqual(new Set(paths).size, 1);
  const again = open({ far, folder });
  assert.equal(await again.store.localPath('a/b'), paths[0]);
  assert.deepEqual(new Uint8Array(readFileSync(paths[0]!)), kibibyte(1));
  assert.equal(far.downloads, 1);
});

test('a file that was put is the copy: nobody fetches what was just written', async () => {
  const { far, store, folder } = open();
  const local = join(root, `local-${opened++}`);
  await writeFile(local, kibibyte(2));
  await store.putFile('a/c', local);
  assert.ok(!existsSync(local));
  assert.equal(await store.localPath('a/c'), join(folder, 'a', 'c'));
  assert.equal(far.downloads, 0);
});

test('beyond the bound the copies go that were asked for longest ago, and those in use stay', async () => {
  const { far, store } = open({ maxBytes: 10 * 1024 });
  const path: string[] = [];
  for (let at = 0; at < 10; at++) {
    await far.put(`n${at}`, kibibyte(at));
    path[at] = await store.localPath(`n${at}`);
    age(path[at]!, at < 6 ? (20 - at) * inUseMs : 0);
  }
  await store.localPath('n0');
  await far.put('more', kibibyte(9));
  await store.localPath('more');
  const left = path.map((one) => existsSync(one));
  assert.deepEqual(left, [true, false, false, true, true, true, true, true, true, true]);
  assert.equal(far.downloads, 11);
});

test('when all copies are in use the bound gives way, not a query', async () => {
  const { far, store, folder } = open({ maxBytes: 2 * 1024 });
  for (let at = 0; at < 6; at++) {
    await far.put(`n${at}`, kibibyte(at));
    await store.localPath(`n${at}`);
  }
  assert.equal(copies(folder).length, 6);
  for (let at = 0; at < 6; at++) age(join(folder, `n${at}`), 2 * inUseMs);
  await far.put('last', kibibyte(7));
  await store.localPath('last');
  assert.equal(copies(folder).length, 1);
});

test('a copy that another process gave out a moment ago stays', async () => {
  const { far, store, folder } = open({ maxBytes: 1024 });
  await far.put('a', kibibyte(1));
  const path = await store.localPath('a');
  age(path, 2 * inUseMs);
  await open({ far, folder }).store.localPath('a');
  await far.put('b', kibibyte(2));
  await store.localPath('b');
  assert.ok(existsSync(path));
});

test('copies that somebody deletes are fetched again', async () => {
  const { far, store, folder } = open();
  await far.put('a', kibibyte(1));
  await store.localPath('a');
  rmSync(folder, { recursive: true });
  assert.deepEqual(new Uint8Array(readFileSync(await store.localPath('a'))), kibibyte(1));
});

test('a time ahead of the clock does not keep a copy for ever', async () => {
  const { far, store, folder } = open({ maxBytes: 1024 });
  await far.put('a', kibibyte(1));
  age(await store.localPath('a'), -1000 * inUseMs);
  await far.put('b', kibibyte(2));
  await store.localPath('b');
  assert.deepEqual(copies(folder), ['b']);
});

test('what was replaced or removed has no copy from before', async () => {
  const { store } = open();
  await store.put('a', kibibyte(1));
  await store.localPath('a');
  await store.replace('a', kibibyte(2));
  assert.deepEqual(new Uint8Array(readFileSync(await store.localPath('a'))), kibibyte(2));
  await store.remove('a');
  await assert.rejects(store.localPath('a'), { code: 'blob-missing' });
});

test('a fetch that fails leaves nothing, and the next one succeeds', async () => {
  const { far, store, folder } = open();
  await far.put('a', kibibyte(1));
  far.failAfterBytes = 100;
  await assert.rejects(store.localPath('a'), /the line broke/);
  assert.deepEqual(copies(folder), []);
  far.failAfterBytes = undefined;
  assert.equal(statSync(await store.localPath('a')).size, 1024);
});

test('what a killed process left half written goes when it is old', async () => {
  const { far, store, folder } = open();
  const incoming = join(folder, '.incoming');
  mkdirSync(incoming, { recursive: true });
  for (const name of ['old', 'young']) await writeFile(join(incoming, name), 'half');
  age(join(incoming, 'old'), 2 * 3_600_000);
  await far.put('a', kibibyte(1));
  await store.localPath('a');
  assert.deepEqual(copies(folder), ['a', 'young']);
});

const onFullDisk = fileURLToPath(new URL('cached.test-full-disk.ts', import.meta.url));

test('a full disk first costs the copies that nobody uses, then is an error that says so, and what is put is kept', (t) => {
  const folder = join(root, 'small-disk');
  mkdirSync(folder);
  const ran = onSmallDisk(folder, [process.execPath, onFullDisk, join(folder, 'cache')]);
  if (/unshare|mount|permitted/i.test(ran.stderr)) return t.skip('this system lets nobody mount a small disk');
  assert.equal(ran.stderr, '');
  assert.deepEqual(JSON.parse(ran.stdout), {
    withRoomMade: true,
    unusedLeft: false,
    error: 'disk-full',
    message: true,
    leftBehind: [],
    putThoughFull: true,
  });
});
