import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { blobStoreContract } from '../ports/blob-store.contract.ts';
import { openFolderBlobs } from './folder.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-blobs-'));
after(() => rmSync(root, { recursive: true, force: true }));
let opened = 0;
const newFolder = () => join(root, `store-${opened++}`);

blobStoreContract('folder', async () => {
  const folder = newFolder();
  let files = 0;
  return {
    store: openFolderBlobs(folder),
    reopen: () => openFolderBlobs(folder),
    localFile: async (bytes) => {
      const path = `${folder}-local-${files++}`;
      await writeFile(path, bytes);
      return path;
    },
  };
});

test('a folder in which nothing can be written is an error that names the blob', async () => {
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, '.incoming'), 'in the way');
  const store = openFolderBlobs(folder);
  for (const put of [() => store.put('one', new Uint8Array(1)), () => store.replace('one', new Uint8Array(1))]) {
    await assert.rejects(put, { code: 'blob-unwritable', what: 'one' });
  }
});

test('what is half written has no name yet', async () => {
  const folder = newFolder();
  const store = openFolderBlobs(folder);
  await store.put('a', new Uint8Array([1]));
  mkdirSync(join(folder, '.incoming'), { recursive: true });
  writeFileSync(join(folder, '.incoming', 'torn'), 'half');
  const names: string[] = [];
  for await (const { name } of store.list('')) names.push(name);
  assert.deepEqual(names, ['a']);
  await assert.rejects(store.get('.incoming/torn'), { code: 'bad-blob-name' });
});

test('a failed write leaves no name and nothing half written', async () => {
  const folder = newFolder();
  const store = openFolderBlobs(folder);
  // A file stands where a folder would have to be.
  await store.put('a', new Uint8Array([1]));
  await assert.rejects(store.put('a/b', new Uint8Array([2])), { code: 'blob-unwritable' });
  assert.deepEqual(readdirSync(join(folder, '.incoming')), []);
  assert.deepEqual([...(await store.get('a'))], [1]);
});

test('what a killed process left half written is removed once it is an hour old, and nothing younger', async () => {
  const folder = newFolder();
  const incoming = join(folder, '.incoming');
  mkdirSync(incoming, { recursive: true });
  for (const name of ['old', 'young']) writeFileSync(join(incoming, name), 'half');
  utimesSync(join(incoming, 'old'), new Date(0), new Date(0));
  await openFolderBlobs(folder).put('a', new Uint8Array([1]));
  assert.deepEqual(readdirSync(incoming), ['young']);
});
