import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MemoryS3 } from '../../src/blobs/memory-s3.test-fixture.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import { demoSymbols, type Harbour, startHarbour } from '../../src/harbour/index.ts';
import type { StatusAnswer } from '../../src/protocol/api.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { getJson, runTidemark, TemporaryFolder, TidemarkProcess, until } from '../support/processes.ts';

const secret = 'a-secret-that-nobody-prints';
const env = { AWS_ACCESS_KEY_ID: 'AKIATHEKEY', AWS_SECRET_ACCESS_KEY: secret };
const folder = new TemporaryFolder('bucket');
const prefix = 'market/data';
let store: MemoryS3;
let harbour: Harbour;

before(async () => {
  store = await MemoryS3.start();
  harbour = await startHarbour(createNodeWorld(), {
    mode: { kind: 'matching', seed: 7, symbols: demoSymbols.slice(0, 1), speed: 1 },
  });
});

after(async () => {
  await harbour.stop();
  await store.stop();
  folder.remove();
});

function settingsFor(dataDir: string, s3: Readonly<Record<string, unknown>> = {}): string {
  return folder.settings(
    {
      dataDir: join(folder.path, dataDir),
      dataKind: 'simulated',
      instruments: ['binance:spot:BTCUSDT'],
      venue: harbour.hosts,
      server: { port: 0 },
      shipping: { enabled: false },
      lake: {
        commitSeconds: 1,
        store: 's3',
        s3: { bucket: store.bucket, prefix, endpoint: store.endpoint, retrySeconds: 2, ...s3 },
      },
      log: { level: 'warn' },
    },
    `${dataDir}.yaml`,
  );
}

function run(settings: string, ...args: string[]) {
  return runTidemark(['--config', settings, ...args], { cwd: folder.path, env, isChild: false });
}

interface Doctor {
  readonly data: { readonly checks: readonly { name: string; result: string; detail: string }[] };
}

async function doctor(settings: string) {
  const ran = await run(settings, 'doctor', '--offline', '--json');
  assert.ok(!`${ran.stdout}${ran.stderr}`.includes(secret));
  const { checks } = (JSON.parse(ran.stdout) as Doctor).data;
  return checks.filter(({ name }) => name.startsWith('bucket'));
}

async function heldRows(settings: string, where = 'true'): Promise<number> {
  const ran = await run(settings, 'sql', '--json', `SELECT count(*) AS n FROM trades WHERE ${where}`);
  assert.equal(ran.code, 0, ran.stderr);
  const { data } = JSON.parse(ran.stdout) as { data: { rows: [string | number][] } };
  return Number(data.rows[0]![0]);
}

test('doctor tries the bucket, leaves nothing there, and says what is wrong with one that cannot be used', async () => {
  const [good, ...others] = await doctor(settingsFor('fresh'));
  assert.equal(good?.result, 'pass');
  assert.deepEqual(others, []);
  assert.equal(store.objects.size, 0);
  assert.ok(!existsSync(join(folder.path, 'fresh')), 'it makes no data folder');

  const [missing] = await doctor(settingsFor('missing', { bucket: 'another' }));
  assert.equal(missing?.result, 'fail');
  assert.match(missing!.detail, /NoSuchBucket .*create the bucket, or mend lake\.s3\.bucket/);

  store.script = ({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined);
  const [readOnly] = await doctor(settingsFor('read-only'));
  assert.match(readOnly!.detail, /cannot write .* AccessDenied .*check the AWS credentials/);

  store.script = () => undefined;
  store.honoursConditions = false;
  const [careless] = await doctor(settingsFor('careless'));
  store.honoursConditions = true;
  assert.equal(careless?.result, 'fail');
  assert.match(careless!.detail, /of two writers .*conditional writes/);
  assert.equal(store.objects.size, 0);
});

test('an engine records into a bucket; without its copies, or from a restart, every row is read from there', async () => {
  const settings = settingsFor('first');
  const args = ['--config', settings, '--json'];
  const engine = new TidemarkProcess([...args, 'serve', '--seed', '7'], { cwd: folder.path, env });
  const recorder = new TidemarkProcess([...args, 'record'], { cwd: folder.path, env });
  const { data } = JSON.parse(await engine.firstLine()) as { data: { url: string } };
  await until(async () => {
    const { lake } = await getJson<StatusAnswer>(`${data.url}/api/v1/status`);
    return lake.catalogVersion >= 4;
  }, 'some commits');
  const ended = [await recorder.kill('SIGTERM'), await engine.kill('SIGTERM')];
  for (const { stderr } of ended) assert.ok(!stderr.includes(secret) && !stderr.includes('AKIATHEKEY'), stderr);
  const keys = [...store.objects.keys()];
  assert.ok(keys.length > 5 && keys.every((key) => key.startsWith(`${prefix}/`)), keys.join(' '));
  assert.ok(!existsSync(join(folder.path, 'first', 'lake')), 'nothing of the lake is in the data folder but copies');
  const downloads = store.seen.filter(({ method, key }) => method === 'GET' && key.endsWith('.parquet'));
  assert.deepEqual(downloads, [], 'what was written is not fetched');

  const rows = await heldRows(settings);
  assert.ok(rows > 0);
  rmSync(join(folder.path, 'first', 'cache'), { recursive: true });
  store.seen.length = 0;
  const fetchedNow = () => store.seen.filter(({ method, key }) => method === 'GET' && key.endsWith('.parquet'));
  assert.equal(await heldRows(settings, "date < '2017-07-14'"), 0);
  assert.deepEqual(fetchedNow(), [], 'days that are not asked for are not fetched');
  assert.equal(await heldRows(settings), rows);
  const fetched = fetchedNow();
  assert.ok(fetched.length > 0 && fetched.every(({ key }) => key.startsWith(`${prefix}/lake/trades/`)));
  assert.ok(readdirSync(join(folder.path, 'first', 'cache', 'lake', 'trades')).length > 0);
});

test('the lake of another data folder is refused before anything is written, and doctor tells it', async () => {
  const before = [...store.objects.keys()].sort();
  const settings = settingsFor('second');
  const ran = await run(settings, 'serve', '--json');
  assert.equal(ran.code, 3, ran.stderr);
  const { error } = JSON.parse(ran.stdout) as { error: { code: string } };
  assert.equal(error.code, 'store-taken');
  assert.deepEqual([...store.objects.keys()].sort(), before);
  const owner = (await doctor(settings)).find(({ name }) => name === 'bucket owner');
  assert.equal(owner?.result, 'fail');
  assert.equal((await doctor(settingsFor('first'))).length, 1);
});

test('an outage longer than it is waited out ends the engine and not the recorder; then every row is there', async (t) => {
  const settings = settingsFor('outage', { prefix: 'outage' });
  const up = new TidemarkProcess(['--config', settings, '--json', 'up'], { cwd: folder.path, env });
  t.after(() => up.kill());
  const layout = layoutOf(join(folder.path, 'outage'), '/');
  const status = async (): Promise<StatusAnswer | undefined> => {
    try {
      const { url } = JSON.parse(readFileSync(layout.engineFile, 'utf8')) as { url: string };
      return await getJson<StatusAnswer>(`${url}/api/v1/status`);
    } catch {
      return undefined;
    }
  };
  const reaches = (version: number) =>
    until(async () => ((await status())?.lake.catalogVersion ?? 0) >= version, `version ${version}`, 60_000);
  await reaches(3);
  store.script = () => ({ status: 503, code: 'ServiceUnavailable' });
  await until(() => /store-busy/.test(up.stderr), 'the engine to give up', 60_000);
  store.script = () => undefined;
  const { lake } = (await status()) ?? { lake: { catalogVersion: 3 } };
  await reaches(lake.catalogVersion + 3);
  await up.kill('SIGTERM');
  const ran = await run(settings, 'sql', '--json', 'SELECT max(trade_id) - min(trade_id) + 1, count(*) FROM trades');
  const { data } = JSON.parse(ran.stdout) as { data: { rows: [string, string][] } };
  assert.equal(String(data.rows[0]![0]), String(data.rows[0]![1]));
  assert.match(up.stderr, /"process":"engine","code":6/);
  assert.doesNotMatch(up.stderr, /"process":"recorder","code"/);
});
