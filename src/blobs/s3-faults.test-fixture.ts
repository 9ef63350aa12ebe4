// Each call of the store on S3 meets each fault, at each request that it makes; whatever server stands behind it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Fate, HttpFaultProxy } from '../../test/support/http-fault-proxy.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import { openCachedBlobs } from './cached.ts';
import { openS3Blobs } from './s3.ts';
import type { S3Options } from './s3-requests.ts';

export interface FaultyPlace {
  readonly proxy: HttpFaultProxy;
  /** Of the place behind the proxy. */
  readonly options: S3Options;
  /** What the server really holds, asked for without the proxy. */
  held(name: string): Promise<Uint8Array | undefined>;
  unfinishedUploads(): Promise<number>;
  close(): Promise<void>;
}

const faults: Readonly<Record<string, Fate>> = {
  'the connection is cut before the request arrives': { kind: 'cut' },
  'the connection is cut in the middle of the request': { kind: 'cut-request', atByte: 3 },
  'the connection is cut at the first byte of the answer': { kind: 'cut-answer', atByte: 0 },
  'the connection is cut in the middle of the answer': { kind: 'cut-answer', atByte: 20 },
  'the answer is lost after the request took effect': { kind: 'lose-answer' },
  'the server fails': { kind: 'refuse', status: 500, code: 'InternalError' },
  'the server is too busy': { kind: 'refuse', status: 503, code: 'SlowDown' },
  'too many requests were made': { kind: 'refuse', status: 429, code: 'TooManyRequests' },
  'a gateway before the server fails': { kind: 'refuse', status: 502, code: 'BadGateway' },
  'the answer is late': { kind: 'delay', ms: 30 },
  'nothing is heard any more': { kind: 'silence' },
};

const small = new TextEncoder().encode('a small blob that is longer than twenty bytes');
interface Call {
  /** Held before the call, put there without faults. */
  readonly before?: Uint8Array;
  /** Held after it, however it went. */
  readonly after: Uint8Array | undefined;
  run(store: BlobStore, name: string, localFile: (bytes: Uint8Array) => Promise<string>): Promise<void>;
}

const callsWith = (large: Uint8Array): Readonly<Record<string, Call>> => ({
  put: { after: small, run: (store, name) => store.put(name, small) },
  'put again': { before: small, after: small, run: (store, name) => store.put(name, small) },
  'put of other bytes': {
    before: small,
    after: small,
    run: (store, name) => assert.rejects(store.put(name, large.subarray(0, 9)), { code: 'blob-conflict' }),
  },
  'put of a file': { after: small, run: async (store, name, file) => store.putFile(name, await file(small)) },
  'put of a file in parts': { after: large, run: async (store, name, file) => store.putFile(name, await file(large)) },
  'put of a file of other bytes in parts': {
    before: small,
    after: small,
    run: async (store, name, file) => {
      await assert.rejects(store.putFile(name, await file(large)), { code: 'blob-conflict' });
    },
  },
  replace: { before: large.subarray(0, 99), after: small, run: (store, name) => store.replace(name, small) },
  remove: { before: small, after: undefined, run: (store, name) => store.remove(name) },
  get: {
    before: large,
    after: large,
    run: async (store, name) => assert.ok(Buffer.compare(await store.get(name), large) === 0),
  },
  stream: {
    before: small,
    after: small,
    run: async (store, name) => {
      const parts: Uint8Array[] = [];
      for await (const part of store.stream(name)) parts.push(part);
      assert.deepEqual(new Uint8Array(Buffer.concat(parts)), small);
    },
  },
  'get of nothing': {
    after: undefined,
    run: (store, name) => assert.rejects(store.get(name), { code: 'blob-missing' }),
  },
  'local path': {
    before: small,
    after: small,
    run: async (store, name) => assert.deepEqual(new Uint8Array(await readFile(await store.localPath(name))), small),
  },
  list: {
    before: small,
    after: small,
    run: async (store, name) => {
      const found: string[] = [];
      for await (const entry of store.list(name)) found.push(entry.name);
      assert.deepEqual(found, [name]);
    },
  },
});

/** Registers a test a call. `open` gives a place behind a proxy; it is asked once. */
export function s3FaultGrid(where: string, partBytes: number, open: () => Promise<FaultyPlace>): void {
  /** Goes up in three parts. */
  const large = new Uint8Array(2 * partBytes + 1).map((_, at) => (at * 7 + (at >> 9)) % 251);
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-faults-'));
  let place: FaultyPlace;
  before(async () => {
    place = await open();
  });
  after(async () => {
    await place.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let names = 0;
  for (const [callName, call] of Object.entries(callsWith(large))) {
    test(`${where}: ${callName} does what it says at whatever request whatever fault meets it`, async () => {
      const { proxy, options, held, unfinishedUploads } = place;
      const localFile = async (bytes: Uint8Array): Promise<string> => {
        const path = join(folder, `local-${names++}`);
        await writeFile(path, bytes);
        return path;
      };
      const newStore = () =>
        openCachedBlobs(openS3Blobs({ ...options, partBytes, firstPauseMs: 1, patienceMs: 20_000, silenceMs: 300 }), {
          folder: join(folder, `cache-${names++}`),
          maxBytes: 1e9,
        });
      for (const [fault, fate] of Object.entries(faults)) {
        // How many requests the call makes is seen when one more would be harmed and none is.
        for (let at = 0; ; at++) {
          const name = `grid/${names++}`;
          proxy.fate = () => ({ kind: 'pass' });
          const store = newStore();
          if (call.before !== undefined) await store.put(name, call.before);
          const first = proxy.asked.length;
          proxy.harmed = 0;
          proxy.fate = (asked) => (asked.at === first + at ? fate : { kind: 'pass' });
          const told = `${fault}, at request ${at}`;
          await call.run(store, name, localFile).catch((error) => {
            throw new Error(`${told}: ${error.message}`, { cause: error });
          });
          const now = await held(name);
          if (call.after === undefined) assert.equal(now, undefined, told);
          else assert.ok(now !== undefined && Buffer.compare(now, call.after) === 0, told);
          await store.close();
          if (proxy.harmed === 0) break;
        }
      }
      assert.equal(await unfinishedUploads(), 0, 'no upload is left unfinished');
    });
  }
}
