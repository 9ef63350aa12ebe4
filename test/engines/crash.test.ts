import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../src/harbour/random.ts';
import { killAndCompare } from '../crash/kill-and-compare.ts';
import { Storm } from '../crash/storm.ts';
import { type Asked, type Fate as HttpFate, HttpFaultProxy } from '../support/http-fault-proxy.ts';
import { runTidemark } from '../support/processes.ts';
import { isCommit, postgres } from './support/postgres.ts';
import { seaweedfs } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';
import { type Fate, TcpFaultProxy } from './support/tcp-fault-proxy.ts';

const seed = 20240817;
const kills = 24;

/** One request in six is harmed, each in one of the ways that a store and a network have. */
function httpFate(random: SeededRandom): (asked: Asked) => HttpFate {
  const kinds: HttpFate[] = [
    { kind: 'refuse', status: 500, code: 'InternalError' },
    { kind: 'refuse', status: 503, code: 'SlowDown' },
    { kind: 'cut' },
    { kind: 'cut-request', atByte: 100 },
    { kind: 'cut-answer', atByte: 100 },
    { kind: 'lose-answer' },
    { kind: 'delay', ms: 300 },
  ];
  return () => (random.chance(0.16) ? kinds[random.integer(kinds.length)]! : { kind: 'pass' });
}

/** One piece in thirty on its way to the catalog, and one COMMIT in three, whose outcome nobody is told then. */
function tcpFate(random: SeededRandom, harmed: { commits: number }): (bytes: Buffer) => Promise<Fate> {
  return async (bytes) => {
    if (random.chance(0.03)) await sleep(random.integer(300));
    if (!random.chance(isCommit(bytes) ? 0.33 : 0.03)) return 'pass';
    if (isCommit(bytes)) harmed.commits++;
    return random.chance(0.5) ? 'cut' : 'lose-answer';
  };
}

/** Kills one server after the other as in a power cut, and starts it again a moment later. */
async function endServers(servers: readonly { crash(): Promise<void>; restart(): Promise<void> }[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const one of servers) {
      await sleep(5000);
      await one.crash();
      await sleep(700);
      await one.restart();
    }
  }
}

engineSuite('the crash test on S3 and PostgreSQL', { s3: seaweedfs, server: postgres }, ({ s3, server }) => {
  test('killed 24 times while both stores fail and are killed themselves: each row once, and the same content as on a local folder', async (t) => {
    const random = new SeededRandom(`stores ${seed}`);
    const s3Proxy = await HttpFaultProxy.start(Number(new URL(s3.endpoint).port));
    const catalogProxy = await TcpFaultProxy.start({ targetPort: server.port });
    t.after(() => Promise.all([s3Proxy.stop(), catalogProxy.stop()]));
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
    const storm = await Storm.begin(seed, {
      lake: { store: 's3', s3: { bucket: await s3.newBucket(), prefix: 'storm', endpoint: s3Proxy.endpoint } },
      catalog: { kind: 'postgres', url: server.urlAt(catalogProxy.port), schema: server.newSchema() },
    });
    t.after(() => storm.end());
    s3Proxy.fate = httpFate(random);
    const harmed = { commits: 0 };
    catalogProxy.fate = tcpFate(random, harmed);
    const outages = endServers([server, { crash: s3.kill, restart: s3.restart }]);
    await killAndCompare(t, storm, { kills, healMs: 180_000, lifeMs: 3500 });
    await outages;
    t.diagnostic(`S3: ${s3Proxy.harmed} of ${s3Proxy.asked.length} requests harmed`);
    t.diagnostic(`PostgreSQL: ${catalogProxy.harmed} connections harmed, ${harmed.commits} of them in COMMIT`);
    assert.ok(s3Proxy.harmed > 20 && catalogProxy.harmed > 10 && harmed.commits > 1, 'both stores failed');

    const rebuilt = await runTidemark(['--config', storm.file, 'rebuild', '--json']);
    assert.equal(rebuilt.code, 0, rebuilt.stdout + rebuilt.stderr);
    const { days } = (JSON.parse(rebuilt.stdout) as { data: { days: { isEqual: boolean; rows: number }[] } }).data;
    assert.ok(days.length > 15, `${days.length} tables, symbols and days were compared with those on a local folder`);
    assert.deepEqual(
      days.filter(({ isEqual }) => !isEqual),
      [],
    );
  });
});
