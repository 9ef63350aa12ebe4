// Run on a disk of 4 MiB: `node cached.test-full-disk.ts FOLDER`. Prints what happened when copies no longer fit.
import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TidemarkError } from '../domain/error.ts';
import { openCachedBlobs } from './cached.ts';
import { FarBlobs } from './far-blobs.test-fixture.ts';

const folder = process.argv[2]!;
const far = new FarBlobs();
const store = openCachedBlobs(far, { folder, maxBytes: 1e9 });
const mebibyte = 1024 * 1024;
await far.put('unused', new Uint8Array(3 * mebibyte));
await far.put('used', new Uint8Array(3 * mebibyte));
await far.put('large', new Uint8Array(3 * mebibyte));

const longAgo = new Date(Date.now() - 24 * 3_600_000);
const unused = await store.localPath('unused');
utimesSync(unused, longAgo, longAgo);
const used = await store.localPath('used');
const error = (await store.localPath('large').catch((reason) => reason)) as TidemarkError;

const local = join(folder, 'local');
await writeFile(local, new Uint8Array(mebibyte / 2));
await writeFile(join(folder, 'ballast'), new Uint8Array(mebibyte)).catch(() => undefined);
await store.putFile('put', local);
console.log(
  JSON.stringify({
    withRoomMade: existsSync(used),
    unusedLeft: existsSync(unused),
    error: error.code,
    message: /disk of .* is full — free space on it, or set lake\.cacheMaxBytes lower/.test(error.message),
    leftBehind: readdirSync(join(folder, '.incoming')),
    putThoughFull: (await store.get('put')).byteLength === mebibyte / 2,
  }),
);
