import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import type { RestoredReport } from '../../src/cli/restored-folder.ts';
import { SeededRandom } from '../../src/harbour/random.ts';
import { healAndCompare, killAndCompare } from '../crash/kill-and-compare.ts';
import { Storm } from '../crash/storm.ts';
import { type Asked, type Fate as HttpFate, HttpFaultProxy } from '../support/http-fault-proxy.ts';
import { runTidemark, until } from '../support/processes.ts';
import { journalRecords } from './support/journal-records.ts';
import { isCommit, type PostgresServer, postgres } from './support/postgres.ts';
import { type S3Server, seaweedfs, versitygw } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';
import { type Fate, TcpFaultProxy } from './support/tcp-fault-proxy.ts';

const seed = 20240817;
const healMs = 180_000;

const refused: HttpFate = { kind: 'refuse', status: 503, code: 'SlowDown' };

/** One request in six is harmed, each in one of the ways that a store and a network have. */
function httpFate(random: SeededRandom): (asked: Asked) => HttpFate {
  const kinds: HttpFate[] = [
    { kind: 'refuse', status: 500, code: 'InternalError' },
    refused,
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

function filesThatHold(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
}

/** A storm whose lake, catalog and shipped journals are reached through relays that harm what passes. */
async function stormOnBoth(t: TestContext, s3: S3Server, server: PostgresServer) {
  const random = new SeededRandom(`stores ${seed}`);
  const s3Proxy = await HttpFaultProxy.start(Number(new URL(s3.endpoint).port));
  const catalogProxy = await TcpFaultProxy.start({ targetPort: server.port });
  t.after(() => Promise.all([s3Proxy.stop(), catalogProxy.stop()]));
  process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
  const schema = server.newSchema();
  const storm = await Storm.begin(seed, {
    lake: { store: 's3', s3: { bucket: await s3.newBucket(), prefix: 'storm', endpoint: s3Proxy.endpoint } },
    catalog: { kind: 'postgres', url: server.urlAt(catalogProxy.port), schema },
    shipping: { maxDelaySeconds: 0.5 },
  });
  t.after(() => storm.end());
  const harmed = { commits: 0 };
  const harm = () => {
    s3Proxy.fate = httpFate(random);
    catalogProxy.fate = tcpFate(random, harmed);
  };
  harm();
  return { storm, schema, s3Proxy, catalogProxy, harmed, harm };
}

engineSuite('the crash test on S3 and PostgreSQL', { s3: seaweedfs, server: postgres }, ({ s3, server }) => {
  test('killed 24 times while both stores fail and are killed themselves: each row once, and the same content as on a local folder', async (t) => {
    const { storm, s3Proxy, catalogProxy, harmed } = await stormOnBoth(t, s3, server);
    const outages = endServers([server, { crash: s3.kill, restart: s3.restart }]);
    await killAndCompare(t, storm, { kills: 24, healMs, lifeMs: 3500 });
    await outages;
    t.diagnostic(`S3: ${s3Proxy.harmed} of ${s3Proxy.asked.length} requests harmed`);
    t.diagnostic(`PostgreSQL: ${catalogProxy.harmed} connections harmed, ${harmed.commits} of them in COMMIT`);
    assert.ok(s3Proxy.harmed > 20 && catalogProxy.harmed > 10 && harmed.commits > 1, 'both stores failed');

    const rebuilt = await runTidemark(['--config', storm.file, 'rebuild', '--json']);
    assert.equal(rebuilt.code, 0, rebuilt.stdout + rebuilt.stderr);
    const { days } = (
      JSON.parse(rebuilt.stdout) as { data: { days: { table: string; isEqual: boolean; rows: number }[] } }
    ).data;
    assert.ok(days.length > 15, `${days.length} tables, symbols and days were compared with those on a local folder`);
    assert.deepEqual(
      days.filter(({ isEqual }) => !isEqual),
      [],
    );

    const verified = await runTidemark(['--config', storm.file, 'lake', 'verify']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    for (const secret of [server.password, s3.secretAccessKey]) {
      assert.deepEqual(filesThatHold(storm.folder.path, secret), [], 'no secret lies in settings or data');
    }

    // Another machine with the same settings, on which nothing was recorded.
    const trades = days.filter(({ table }) => table === 'trades').reduce((sum, { rows }) => sum + rows, 0);
    storm.moveAway();
    const counted = await runTidemark([
      '--config',
      storm.file,
      'sql',
      '--format',
      'csv',
      'SELECT count(*) AS n FROM trades',
    ]);
    assert.equal(counted.stdout, `n\n${trades}\n`, counted.stderr);
    const doctor = await runTidemark(['--config', storm.file, 'doctor', '--offline']);
    assert.match(doctor.stdout, /lake +pass +catalog version \d+/, doctor.stderr);
    assert.ok(!existsSync(path.join(storm.config.dataDir, 'catalog.sqlite')), 'a reader makes no catalog');
  });
});

engineSuite(
  'machines that are lost or late, on S3 and PostgreSQL',
  { s3: versitygw, server: postgres },
  ({ s3, server }) => {
    test('the disk is deleted: what was shipped comes back, what was not is named, and nothing that the venue has is missing', async (t) => {
      const { storm, schema, s3Proxy, harm } = await stormOnBoth(t, s3, server);
      await storm.settle();
      for (let kill = 0; kill < 4; kill++) await storm.killOne(4000);
      await storm.heal(healMs);
      // First rows still reach the lake whose bytes are not shipped any more, then neither does.
      s3Proxy.fate = ({ method, path: name }) =>
        method === 'PUT' && name.includes('/journal/') ? refused : { kind: 'pass' };
      const { dataDir } = storm.config;
      const journal = path.join(dataDir, 'journal');
      const positions = async () => {
        const [newest] = await server.query(`SELECT positions FROM ${schema}.versions ORDER BY version DESC LIMIT 1`);
        return new Map(
          (JSON.parse(newest!['positions'] as string) as { writer: string; sequence: number }[]).map((one) => [
            one.writer,
            one.sequence,
          ]),
        );
      };
      const written = Math.max(...(await journalRecords(path.join(journal, 'recorder'), 'recorder')).keys());
      await until(async () => (await positions()).get('recorder')! > written + 1, 'rows without their bytes', 120_000);
      s3Proxy.fate = () => refused;
      await sleep(2000);
      await storm.die();

      const kept = path.join(storm.folder.path, 'kept');
      cpSync(journal, kept, { recursive: true });
      rmSync(dataDir, { recursive: true });
      harm();

      // Neither can begin anew where others would be told that nothing is missing.
      for (const command of ['serve', 'record']) {
        const refusedStart = await runTidemark(['--config', storm.file, command]);
        assert.match(refusedStart.stderr, /tidemark restore.*\[journal-lost\]/, command);
      }
      rmSync(dataDir, { recursive: true, force: true });
      const restore = async (...options: string[]): Promise<RestoredReport> => {
        const { code, stdout, stderr } = await runTidemark(['--config', storm.file, 'restore', '--json', ...options]);
        assert.equal(code, 0, stdout + stderr);
        return (JSON.parse(stdout) as { data: RestoredReport }).data;
      };
      const foreseen = await restore('--dry-run');
      const report = await restore();
      t.diagnostic(JSON.stringify(report));
      const derivedAtLast = await positions();
      for (const { writer, shippedTo, derivedTo, lost, damage } of report.journals) {
        const [had, has] = await Promise.all(
          [kept, journal].map((folder) => journalRecords(path.join(folder, writer), writer)),
        );
        const shipped = [...had!.keys()].filter((sequence) => sequence < shippedTo!.sequence);
        assert.ok(shipped.length > 10, `${writer}: ${shipped.length} records were shipped`);
        for (const sequence of shipped) {
          assert.equal(has!.get(sequence), had!.get(sequence), `${writer}: record ${sequence} came back as it was`);
        }
        const derived = derivedAtLast.get(writer)!;
        assert.equal(derivedTo!.sequence, derived);
        assert.deepEqual(damage, []);
        const gone = [...had!.keys()].filter((sequence) => sequence >= shippedTo!.sequence);
        if (writer === 'recorder') assert.ok(gone.length > 0, 'some records were not shipped');
        const inLake = gone.filter((sequence) => sequence < derived).length;
        assert.equal(lost?.records ?? 0, inLake, `${writer}: those whose rows are in the lake alone are counted`);
        const { shippedTo: foreseenTo } = foreseen.journals.find((one) => one.writer === writer)!;
        assert.deepEqual(foreseenTo, shippedTo);
      }
      assert.ok(
        report.journals.some(({ lost }) => lost !== null),
        'the lake was ahead of what was shipped',
      );

      storm.revive();
      await healAndCompare(t, storm, healMs);
    });

    test('a machine that stood still in a commit while another took over is refused when it goes on, and leaves no trace', async (t) => {
      const { storm, schema, s3Proxy, catalogProxy } = await stormOnBoth(t, s3, server);
      s3Proxy.fate = () => ({ kind: 'pass' });
      catalogProxy.fate = () => 'pass';
      await storm.settle();
      await sleep(4000);
      const before = storm.moveAway();
      t.after(() => Promise.all([before.engine.kill(), before.recorder.kill()]));
      await new Promise<void>((resolve) => {
        catalogProxy.fate = (bytes) => {
          if (!bytes.includes('.versions VALUES')) return 'pass';
          catalogProxy.fate = () => 'pass';
          for (const one of [before.engine, before.recorder]) one.child.kill('SIGSTOP');
          resolve();
          return 'pass';
        };
      });
      const restored = await runTidemark(['--config', storm.file, 'restore']);
      assert.equal(restored.code, 0, restored.stdout + restored.stderr);
      storm.revive();
      await storm.settle();
      const fences = async () =>
        (await server.query(`SELECT fence::int AS fence FROM ${schema}.versions ORDER BY version`)).map(
          (row) => row['fence'],
        );
      await until(async () => (await fences()).includes(2), 'a commit of the second machine');
      for (const one of [before.engine, before.recorder]) one.child.kill('SIGCONT');
      const { code, stderr } = await before.engine.ended;
      assert.equal(code, exitCodes.conflict, stderr);
      assert.match(stderr, /\[fence-lost\]/);
      await sleep(1500);
      await before.recorder.kill();
      await healAndCompare(t, storm, healMs);
      const written = await fences();
      assert.deepEqual(written, written.toSorted(), 'once the second writer went on, the first one made no version');
    });
  },
);
