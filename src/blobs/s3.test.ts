import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { HttpFaultProxy } from '../../test/support/http-fault-proxy.ts';
import { blobStoreContract } from '../ports/blob-store.contract.ts';
import { openCachedBlobs } from './cached.ts';
import { MemoryS3 } from './memory-s3.test-fixture.ts';
import { openS3Blobs } from './s3.ts';
import { s3FaultGrid } from './s3-faults.test-fixture.ts';
import type { S3Options } from './s3-requests.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-s3-'));
let server: MemoryS3;
before(async () => {
  server = await MemoryS3.start();
});
after(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

const credentials = { accessKeyId: 'ak', secretAccessKey: 'a-secret' };

function optionsOf(store: MemoryS3, prefix = ''): S3Options {
  return { bucket: store.bucket, prefix, endpoint: store.endpoint, credentials, firstPauseMs: 1, patienceMs: 2_000 };
}

let opened = 0;
blobStoreContract('S3 in memory', async () => {
  const place = `place-${opened++}`;
  let files = 0;
  const open = (folder: string) =>
    openCachedBlobs(openS3Blobs(optionsOf(server, place)), { folder: join(root, folder), maxBytes: 1e9 });
  return {
    store: open(place),
    reopen: () => open(`${place}-again`),
    localFile: async (bytes) => {
      const path = join(root, `${place}-local-${files++}`);
      await writeFile(path, bytes);
      return path;
    },
  };
});

s3FaultGrid('S3 in memory', 40_000, async () => {
  const faulty = await MemoryS3.start();
  const proxy = await HttpFaultProxy.start(faulty.port);
  return {
    proxy,
    options: { ...optionsOf(faulty), endpoint: proxy.endpoint },
    held: async (name) => faulty.objects.get(name)?.body,
    unfinishedUploads: async () => faulty.uploads.size,
    close: async () => {
      await proxy.stop();
      await faulty.stop();
    },
  };
});

async function newServer(t: TestContext): Promise<MemoryS3> {
  const own = await MemoryS3.start();
  t.after(() => own.stop());
  return own;
}

/** Behind a relay that does to each request what `fate` says. */
async function harmed(t: TestContext, fate: HttpFaultProxy['fate']) {
  const own = await newServer(t);
  const proxy = await HttpFaultProxy.start(own.port);
  t.after(() => proxy.stop());
  const options = { ...optionsOf(own), endpoint: proxy.endpoint };
  const folder = join(root, `harmed-${opened++}`);
  const store = openCachedBlobs(openS3Blobs(options), { folder, maxBytes: 1e9 });
  t.after(() => store.close());
  await store.put('name', bytes);
  proxy.fate = fate;
  return { own, proxy, store, folder, options };
}

const bytes = new TextEncoder().encode('the bytes of a blob');

test('bytes that were changed on their way are fetched again', async (t) => {
  let flips = 0;
  const { store } = await harmed(t, ({ method }) => ({
    kind: method === 'GET' && flips++ % 2 === 0 ? 'flip' : 'pass',
  }));
  assert.deepEqual(new Uint8Array(await store.get('name')), bytes);
  await store.localPath('name');
  assert.equal(flips, 4);
});

test('an object whose bytes are not those that were written is an error, and no copy of it is kept', async (t) => {
  const { own, store, folder } = await harmed(t, () => ({ kind: 'pass' }));
  own.objects.set('name', { ...own.objects.get('name')!, body: Buffer.from('the bytes of a blot') });
  await assert.rejects(store.get('name'), { code: 'blob-damaged' });
  await assert.rejects(store.localPath('name'), { code: 'blob-damaged' });
  assert.deepEqual(
    readdirSync(folder, { recursive: true }).filter((name) => name !== '.incoming'),
    [],
  );
});

test('a store that is too busy for too long is given up with what is wrong, and nothing is there', async (t) => {
  const { own, options } = await harmed(t, () => ({ kind: 'refuse', status: 503, code: 'SlowDown' }));
  const store = openS3Blobs({ ...options, patienceMs: 200 });
  await assert.rejects(store.put('other', bytes), { code: 'store-busy', retry: 'later' });
  await assert.rejects(store.get('name'), { code: 'store-busy' });
  assert.ok(store.requests > 6, `each was tried more than twice (${store.requests})`);
  assert.ok(!own.objects.has('other'));
});

test('a name that another writer takes while a file is on its way in parts holds what came first', async (t) => {
  const own = await newServer(t);
  const file = join(root, `large-${opened++}`);
  await writeFile(file, new Uint8Array(5000));
  const store = openS3Blobs({ ...optionsOf(own), partBytes: 1000 });
  const other = openS3Blobs(optionsOf(own));
  own.script = ({ method, query }) => {
    if (method === 'POST' && query.has('uploadId')) {
      own.objects.set('name', { body: Buffer.from('theirs'), metadata: {}, storedAt: new Date() });
    }
    return undefined;
  };
  await assert.rejects(store.putFile('name', file), { code: 'blob-conflict' });
  assert.equal(new TextDecoder().decode(await other.get('name')), 'theirs');
  assert.equal(own.uploads.size, 0);
});

test('an upload that another write was in the way of begins anew', async (t) => {
  const own = await newServer(t);
  const file = join(root, `large-${opened++}`);
  await writeFile(file, new Uint8Array(5000));
  let conflicts = 0;
  own.script = ({ method, query }) =>
    method === 'POST' && query.has('uploadId') && conflicts++ < 2
      ? { status: 409, code: 'ConditionalRequestConflict' }
      : undefined;
  await openS3Blobs({ ...optionsOf(own), partBytes: 1000 }).putFile('name', file);
  assert.equal(own.objects.get('name')?.body.byteLength, 5000);
  assert.equal(own.seen.filter(({ query }) => query.has('uploads')).length, 3);
  assert.equal(own.uploads.size, 0);
});

for (const [what, answer, code] of [
  ['a bucket that does not exist', { status: 404, code: 'NoSuchBucket' }, 'store-missing'],
  ['a key that nobody has', { status: 404, code: 'XAdminUserNotFound' }, 'store-refused'],
  ['a key that nobody has, as AWS says it', { status: 403, code: 'InvalidAccessKeyId' }, 'store-refused'],
  ['a wrong secret', { status: 403, code: 'SignatureDoesNotMatch' }, 'store-refused'],
  ['a token that ran out', { status: 400, code: 'ExpiredToken' }, 'store-refused'],
  ['no right to do so', { status: 403, code: 'AccessDenied' }, 'store-refused'],
  ['another region', { status: 301, code: 'PermanentRedirect' }, 'store-region'],
  ['something that is no store', { status: 404 }, 'store-unreachable'],
] as const) {
  test(`${what} is told as ${code}, never as an absent blob, and without any secret`, async (t) => {
    const own = await newServer(t);
    own.script = ({ method }) => (method === 'HEAD' ? { status: answer.status } : answer);
    const secrets = { accessKeyId: 'AKIA-KNOWN', secretAccessKey: 'the-secret', sessionToken: 'the-token' };
    const store = openS3Blobs({ ...optionsOf(own), credentials: secrets, patienceMs: 20 });
    const file = join(root, `large-${opened++}`);
    await writeFile(file, bytes);
    const list = async () => {
      for await (const _ of store.list('')) assert.fail('there is nothing');
    };
    const calls = [
      () => store.put('a', bytes),
      () => store.putFile('a', file),
      () => store.replace('a', bytes),
      () => store.get('a'),
      () => store.remove('a'),
      list,
    ];
    for (const call of calls) {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.equal((error as { code?: string } | undefined)?.code, code, inspect(error));
      assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /AKIA|the-secret|the-token|Signature=/);
    }
  });
}

test('credentials that ran out are looked up afresh, once for all who wait, and the call goes on', async (t) => {
  const own = await newServer(t);
  let lookups = 0;
  const provide = async () => ({ accessKeyId: `key-${Math.min(2, ++lookups)}`, secretAccessKey: 'a-secret' });
  own.script = ({ headers }) =>
    headers.authorization?.includes('key-1/') ? { status: 400, code: 'ExpiredToken' } : undefined;
  const store = openS3Blobs({ ...optionsOf(own), credentials: provide });
  await Promise.all(['a', 'b', 'c'].map((name) => store.put(name, bytes)));
  assert.deepEqual([...own.objects.keys()].sort(), ['a', 'b', 'c']);
  await store.put('d', bytes);
  assert.ok(own.seen.at(-1)?.headers.authorization?.includes('key-2/'));
});

test('a credentials file that was replaced is read again when what it held is refused', async (t) => {
  const own = await newServer(t);
  const file = join(root, 'credentials');
  const write = (key: string) =>
    writeFile(file, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = a-secret\n`);
  await write('key-1');
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = file;
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  const { credentials: _, ...options } = optionsOf(own);
  const store = openS3Blobs(options);
  await store.put('a', bytes);
  own.script = ({ headers }) =>
    headers.authorization?.includes('key-1/') ? { status: 403, code: 'InvalidAccessKeyId' } : undefined;
  await assert.rejects(store.put('b', bytes), { code: 'store-refused' });
  await write('key-2');
  await store.put('b', bytes);
  assert.ok(own.objects.has('b'));
});

test('the log says once when the store stops answering, and once when it answers again', async (t) => {
  const own = await newServer(t);
  const said: string[] = [];
  const tell = (fields: object, message: string) => {
    said.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log = { debug: tell, info: tell, warn: tell, error: tell };
  const store = openS3Blobs({ ...optionsOf(own), log });
  let refusals = 5;
  own.script = () => (refusals-- > 0 ? { status: 500, code: 'InternalError' } : undefined);
  await store.put('a', bytes);
  await store.put('b', bytes);
  assert.deepEqual(said, [
    `the store fails: its requests are tried again {"store":"${own.endpoint}","why":"InternalError (HTTP 500)"}`,
    `the store answers again {"store":"${own.endpoint}"}`,
  ]);
});

test('credentials that are refused and stay the same are not tried again and again', async (t) => {
  const own = await newServer(t);
  own.script = () => ({ status: 403, code: 'AccessDenied' });
  await assert.rejects(openS3Blobs(optionsOf(own)).put('a', bytes), { code: 'store-refused' });
  assert.equal(own.seen.length, 1);
});

test('without credentials anywhere, or a region, the error says so', async (t) => {
  const own = await newServer(t);
  const { credentials: _, ...options } = optionsOf(own);
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  process.env['HOME'] = root;
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  await assert.rejects(openS3Blobs(options).get('a'), { code: 'store-refused', why: 'no credentials were found' });
  await assert.rejects(openS3Blobs({ bucket: 'bucket', credentials }).get('a'), { code: 'store-region' });
  process.env['AWS_ACCESS_KEY_ID'] = 'from-the-environment';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'a-secret';
  await openS3Blobs(options).put('a', bytes);
  assert.match(own.seen.at(-1)!.headers.authorization!, /Credential=from-the-environment\//);
});

test('a clock of ours that is an hour behind is put right by the store’s', async (t) => {
  const own = await newServer(t);
  const theirMs = () => Date.now() + 3_600_000;
  own.script = ({ headers }) => {
    const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers['x-amz-date']))!;
    const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [number, ...number[]];
    const signedMs = Date.UTC(year, month! - 1, day, hour, minute, second);
    const date = new Date(theirMs()).toUTCString();
    if (Math.abs(signedMs - theirMs()) < 900_000) return undefined;
    return { status: 403, code: 'RequestTimeTooSkewed', headers: { date } };
  };
  const store = openS3Blobs(optionsOf(own));
  await store.put('a', bytes);
  assert.ok(own.objects.has('a'));
});

test('a list of many pages has every name once, and none that is not ours', async (t) => {
  const own = await newServer(t);
  own.pageSize = 3;
  const store = openS3Blobs(optionsOf(own, 'deep/place'));
  const names = Array.from({ length: 10 }, (_, at) => `t/${at}`);
  for (const name of names) await store.put(name, bytes);
  const object = own.objects.get('deep/place/t/0')!;
  for (const key of ['deep/place/t/a b+ü%', 'deep/place/t/', 'deep/placed', 'deep/place//x'])
    own.objects.set(key, object);
  const found: string[] = [];
  for await (const { name } of store.list('')) found.push(name);
  assert.deepEqual(found, names);
});

const claimOf = (storeId: string, known: readonly string[] = []) => ({ storeId, known: async () => known });

test('an empty place is claimed once, and is the same data folder’s from then on', async (t) => {
  const own = await newServer(t);
  own.objects.set('other/file', { body: Buffer.from('x'), metadata: {}, storedAt: new Date() });
  const store = openS3Blobs(optionsOf(own, 'mine'));
  assert.equal(await store.claim(claimOf('a')), 'a');
  await store.put('lake/x', bytes);
  assert.equal(await openS3Blobs(optionsOf(own, 'mine')).claim(claimOf('a')), 'a');
  await assert.rejects(openS3Blobs(optionsOf(own, 'mine')).claim(claimOf('b')), { code: 'store-taken' });
  const names: string[] = [];
  for await (const { name } of store.list('')) names.push(name);
  assert.deepEqual(names, ['lake/x'], 'what says whose it is is no blob');
});

test('a place full of foreign files is refused, and nothing is written there', async (t) => {
  const own = await newServer(t);
  for (let at = 0; at < 5; at++)
    own.objects.set(`lake/trades/${at}.csv`, { body: Buffer.from('x'), metadata: {}, storedAt: new Date() });
  await assert.rejects(openS3Blobs(optionsOf(own)).claim(claimOf('a')), {
    code: 'store-foreign',
    message: /lake\/trades\/0\.csv.*set lake\.s3\.prefix/,
  });
  assert.equal(own.objects.size, 5);
});

test('a lake that was copied is claimed by the catalog that knows all of its files, and by no other', async (t) => {
  const own = await newServer(t);
  const store = openS3Blobs(optionsOf(own));
  await store.put('lake/1', bytes);
  await assert.rejects(store.claim(claimOf('b', ['lake/1', 'lake/2'])), {
    code: 'store-incomplete',
    message: /1 files that are not there, such as lake\/2/,
  });
  assert.equal(await store.claim(claimOf('b', ['lake/1'])), 'b');
  assert.equal(await store.claim(claimOf('lost its file', ['lake/1'])), 'b');
  await assert.rejects(store.claim(claimOf('c', ['lake/3'])), { code: 'store-taken' });
});

test('of two that claim an empty place at once one has it', async (t) => {
  const own = await newServer(t);
  const claims = ['a', 'b'].map((id) => openS3Blobs(optionsOf(own)).claim(claimOf(id)));
  const settled = await Promise.allSettled(claims);
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('a store that takes what is there already is refused before anything is kept there', async (t) => {
  const own = await newServer(t);
  own.honoursConditions = false;
  await assert.rejects(openS3Blobs(optionsOf(own)).claim(claimOf('a')), {
    code: 'store-unable',
    message: /If-None-Match/,
  });
});

test('uploads that were left unfinished a day ago are ended by who claims the place, younger ones and others’ are not', async (t) => {
  const own = await newServer(t);
  const begun = (hoursAgo: number, key: string) => ({
    key,
    metadata: {},
    initiated: new Date(Date.now() - hoursAgo * 3_600_000),
    parts: new Map(),
  });
  own.uploads.set('old', begun(25, 'mine/lake/1'));
  own.uploads.set('young', begun(1, 'mine/lake/2'));
  own.uploads.set('foreign', begun(99, 'theirs/lake/1'));
  await openS3Blobs(optionsOf(own, 'mine')).claim(claimOf('a'));
  assert.deepEqual([...own.uploads.keys()], ['young', 'foreign']);
});
