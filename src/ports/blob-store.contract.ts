import assert from 'node:assert/strict';
import type { BlobStore } from './blob-store.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';

/** What a promise is shown on: a store, a way to open it afresh, and a local file with some bytes. */
export interface BlobStoreUnderTest {
  readonly store: BlobStore;
  reopen(): BlobStore | Promise<BlobStore>;
  localFile(bytes: Uint8Array): Promise<string>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function namesOf(store: BlobStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(prefix)) names.push(name);
  return names.sort();
}

const promises: Promises<BlobStoreUnderTest> = {
  'a blob is read back as it was put, also after a reopening': async ({ store, reopen }) => {
    await store.put('a/b/one.bin', bytesOf('one'));
    await store.put('empty', new Uint8Array());
    const again = await reopen();
    assert.equal(textOf(await again.get('a/b/one.bin')), 'one');
    assert.equal((await again.get('empty')).byteLength, 0);
  },
  'the same bytes again change nothing': async ({ store }) => {
    await store.put('same', bytesOf('1'));
    await store.put('same', bytesOf('1'));
    assert.deepEqual(await namesOf(store, ''), ['same']);
  },
  'other bytes under a known name are refused and the first stay': async ({ store, localFile }) => {
    await store.put('name', bytesOf('first'));
    await assert.rejects(store.put('name', bytesOf('other')), { code: 'blob-conflict' });
    await assert.rejects(store.putFile('name', await localFile(bytesOf('third'))), { code: 'blob-conflict' });
    assert.equal(textOf(await store.get('name')), 'first');
  },
  'of several that put other bytes under one name at once, one is first and stays': async ({ store, reopen }) => {
    const stores = [store, await reopen(), await reopen()];
    for (let round = 0; round < 10; round++) {
      const name = `race/${round}`;
      const puts = await Promise.allSettled(stores.map((one, at) => one.put(name, bytesOf(`writer ${at}`))));
      const firsts = puts.flatMap(({ status }, at) => (status === 'fulfilled' ? [at] : []));
      assert.equal(firsts.length, 1);
      for (const put of puts) if (put.status === 'rejected') assert.equal(put.reason.code, 'blob-conflict');
      assert.equal(textOf(await store.get(name)), `writer ${firsts[0]}`);
    }
  },
  'a local file is taken in whole': async ({ store, localFile }) => {
    const bytes = new Uint8Array(3_000_000).map((_, at) => at % 251);
    await store.putFile('x/large', await localFile(bytes));
    await store.putFile('x/large', await localFile(bytes));
    assert.deepEqual(new Uint8Array(await store.get('x/large')), bytes);
  },
  'a local path holds the bytes of the blob': async ({ store }) => {
    await store.put('p/q', bytesOf('bytes'));
    const { readFile } = await import('node:fs/promises');
    assert.equal(await readFile(await store.localPath('p/q'), 'utf8'), 'bytes');
  },
  'a stream has the bytes of the blob in order': async ({ store, localFile }) => {
    const bytes = new Uint8Array(3_000_000).map((_, at) => at % 241);
    await store.putFile('s/large', await localFile(bytes));
    const parts: Uint8Array[] = [];
    for await (const part of store.stream('s/large')) parts.push(new Uint8Array(part));
    assert.deepEqual(new Uint8Array(Buffer.concat(parts)), bytes);
  },
  'a pointer may be replaced, and is read as it was last put': async ({ store, reopen }) => {
    for (const text of ['1', '22', '3']) await store.replace('pointer', bytesOf(text));
    assert.equal(textOf(await store.get('pointer')), '3');
    assert.equal(textOf(await (await reopen()).get('pointer')), '3');
  },
  'a location is an absolute address that ends with the name': async ({ store }) => {
    await store.put('l/one.bin', bytesOf('1'));
    const { protocol, pathname } = new URL(store.location('l/one.bin'));
    assert.match(protocol, /^(file|s3):$/);
    assert.match(pathname, /l\/one\.bin$/);
  },
  'an absent blob is an error that says so': async ({ store }) => {
    await assert.rejects(store.get('nothing'), { code: 'blob-missing' });
    await assert.rejects(
      async () => {
        for await (const _ of store.stream('nothing')) assert.fail('there is nothing');
      },
      { code: 'blob-missing' },
    );
    await assert.rejects(store.localPath('nothing'), { code: 'blob-missing' });
  },
  'a list has the names with the prefix, whole folders or part of a name, and their sizes': async ({ store }) => {
    for (const name of ['t/a/1', 't/ab/2', 't/b/3', 'u/4']) await store.put(name, bytesOf(name));
    assert.deepEqual(await namesOf(store, 't/a'), ['t/a/1', 't/ab/2']);
    assert.deepEqual(await namesOf(store, 't/a/'), ['t/a/1']);
    assert.deepEqual(await namesOf(store, 'none/'), []);
    assert.equal((await namesOf(store, '')).length, 4);
    for await (const { name, bytes, storedAtUs } of store.list('t/')) {
      assert.equal(bytes, name.length);
      assert.ok(storedAtUs > 1_700_000_000_000_000, 'it knows when');
    }
  },
  'a removed blob is gone, and removing it again is no error': async ({ store }) => {
    await store.put('gone', bytesOf('x'));
    await store.remove('gone');
    await store.remove('gone');
    await assert.rejects(store.get('gone'), { code: 'blob-missing' });
  },
  'names that would leave the store are refused': async ({ store }) => {
    for (const name of ['', '/etc/x', '../x', 'a/../../x', 'a//b', './a', 'a\0b', 'a\\b', 'a/', 'ä', 'x'.repeat(600)]) {
      await assert.rejects(store.put(name, bytesOf('x')), { code: 'bad-blob-name' }, JSON.stringify(name));
      await assert.rejects(store.get(name), { code: 'bad-blob-name' }, JSON.stringify(name));
    }
  },
};

/** Runs every promise on a fresh store. */
export function blobStoreContract(
  name: string,
  open: () => Promise<BlobStoreUnderTest>,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
