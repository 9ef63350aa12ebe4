import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { demoSymbols, type Harbour, startHarbour } from '../../src/harbour/index.ts';
import type { StatusAnswer, TradesAnswer } from '../../src/protocol/api.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { createAuthority, type TestAuthority } from '../support/certificates.ts';
import { getJson, runTidemark, TemporaryFolder, TidemarkProcess, until } from '../support/processes.ts';

// `npm start` runs `tidemark up` with no settings. Here it gets two, and a port: whom to trust, and what stands for the
// venue's names. Hosts, ports and paths stay what they are by default.
const venueNames = ['stream', 'api', 'api-gcp', 'api1', 'api2'].map((name) => `${name}.binance.com`);
const publicNames = ['data-stream.binance.vision', 'data-api.binance.vision'];

const authority = createAuthority('Authority of a test');

async function venue(t: TestContext, names: readonly string[]): Promise<Harbour> {
  const { key, cert } = authority.sign(names);
  const harbour = await startHarbour(createNodeWorld(), {
    mode: { kind: 'matching', seed: 11, symbols: demoSymbols, speed: 1 },
    tls: { key, cert },
  });
  t.after(() => harbour.stop());
  return harbour;
}

interface LogLine {
  readonly process: string;
  readonly msg: string;
  readonly url?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly error?: string;
  readonly host?: string;
}

class LiveSystem {
  readonly process: TidemarkProcess;
  #url: string | undefined;

  constructor(t: TestContext, reach: ReadonlyMap<Harbour, readonly string[]>, trusted: TestAuthority) {
    const folder = new TemporaryFolder('live-hosts');
    const file = join(folder.path, 'authority.pem');
    writeFileSync(file, trusted.certificate);
    const resolve = Object.fromEntries(
      [...reach].flatMap(([{ port }, names]) => names.map((name) => [name, `127.0.0.1:${port}`])),
    );
    const settings = folder.settings({ server: { port: 0 }, venue: { certificateAuthority: file, resolve } });
    this.process = new TidemarkProcess(['--config', settings, 'up'], { cwd: folder.path });
    t.after(async () => {
      await this.process.kill('SIGTERM');
      folder.remove();
    });
  }

  log(): LogLine[] {
    const whole = this.process.stderr.slice(0, this.process.stderr.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }

  async get<T>(path: string): Promise<T> {
    if (this.#url === undefined) {
      const line = await this.process.firstLine();
      assert.match(line, /^Tidemark \(live\) is at http:\/\/127\.0\.0\.1:\d+$/);
      this.#url = line.slice(line.indexOf('http'));
    }
    return getJson<T>(`${this.#url}${path}`);
  }

  /** Trades from the stream, and the exchange information and book that only REST brings. */
  async records(): Promise<void> {
    await until(async () => {
      const { sessions, ledger } = await this.get<StatusAnswer>('/api/v1/status');
      const [book, instruments] = [
        await this.get<{ state: string }>('/api/v1/book?instrument=binance:spot:BTCUSDT').catch(() => undefined),
        await this.get<readonly { status: string }[]>('/api/v1/instruments'),
      ];
      return (
        sessions.some(({ state, frames }) => state === 'open' && frames > 100) &&
        (ledger.find((row) => row.instrument === 'binance:spot:BTCUSDT')?.heldIds ?? 0) > 20 &&
        book?.state === 'synced' &&
        instruments.every(({ status }) => status === 'TRADING')
      );
    }, 'trades, a book and the exchange information');
  }
}

test('tidemark up records from the venue by its own names, ports and paths, over TLS', async (t) => {
  const harbour = await venue(t, venueNames);
  const system = new LiveSystem(t, new Map([[harbour, venueNames]]), authority);
  await system.records();
  const { trades } = await system.get<TradesAnswer>('/api/v1/trades?instrument=binance:spot:BTCUSDT&limit=20');
  const truth = harbour.truth.trades('BTCUSDT');
  const { priceScale } = harbour.truth.listing('BTCUSDT').digits;
  for (const { tradeId, price } of trades) {
    assert.equal(Number(price), truth.at(truth.rowOf(tradeId), 'price') / 10 ** priceScale);
  }
  assert.equal(trades.length, 20);
  const connected = system.log().filter(({ msg }) => msg === 'connected');
  assert.deepEqual(
    connected.map(({ url }) => url),
    ['wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND'],
  );
  assert.deepEqual(
    system.log().filter((line) => /refuse|fail/i.test(line.msg)),
    [],
  );
});

test('a venue that an unknown authority vouches for, or under another name, is not talked to, and the log says why', async (t) => {
  const harbour = await venue(t, [...venueNames, ...publicNames]);
  const misnamed = await venue(t, publicNames);
  const names = [...venueNames, ...publicNames];
  const cases = [
    [new LiveSystem(t, new Map([[harbour, names]]), createAuthority('Somebody else')), /certificate/],
    [new LiveSystem(t, new Map([[misnamed, names]]), authority), /altnames/],
  ] as const;
  for (const [system, why] of cases) {
    const isSaid = (line: LogLine) => why.test(line.reason ?? '') || why.test(line.error ?? '');
    await until(() => {
      const processes = new Set(
        system
          .log()
          .filter(isSaid)
          .map((line) => line.process),
      );
      return processes.has('recorder') && processes.has('engine');
    }, `both processes to say ${why}`);
  }
  const { sessions, ledger } = await cases[0][0].get<StatusAnswer>('/api/v1/status');
  assert.ok(sessions.every(({ frames }) => frames === 0) && ledger.every(({ heldIds }) => heldIds === 0));
  assert.deepEqual(harbour.truth.connections(), []);
});

test('a location that the venue refuses (451) is said in the log, and its public-data hosts are used', async (t) => {
  const refusing = await venue(t, venueNames);
  const open = await venue(t, publicNames);
  const body = '{"code":0,"msg":"Service unavailable from a restricted location."}';
  refusing.setHttpFailure({ status: 451, body });
  refusing.setUpgradeFailure({ status: 451, body });
  const reach = new Map([
    [refusing, venueNames],
    [open, publicNames],
  ]);
  const system = new LiveSystem(t, reach, authority);
  await system.records();
  const log = system.log();
  const refused = log.filter((line) => /\b451\b/.test(line.msg));
  assert.ok(refused.some((line) => line.process === 'engine' && /does not serve this location/.test(line.msg)));
  assert.deepEqual(
    refused.filter((line) => line.process === 'recorder').map(({ msg, url }) => [msg, url]),
    ['9443', '443'].map((port) => [
      'the venue does not serve this location (451): trying the next host',
      `wss://stream.binance.com:${port}/stream?timeUnit=MICROSECOND`,
    ]),
  );
  assert.match(
    log.find(({ msg }) => msg === 'connected')!.url!,
    /^wss:\/\/data-stream\.binance\.vision(:443)?\/stream\?timeUnit=MICROSECOND$/,
  );
  assert.deepEqual(refusing.truth.connections(), []);
});

test('a certificate authority that cannot be read is a configuration error', async (t) => {
  const folder = new TemporaryFolder('live-hosts');
  t.after(() => folder.remove());
  const settings = folder.settings({ server: { port: 0 }, venue: { certificateAuthority: 'absent.pem' } });
  const { code, stderr } = await runTidemark(['--config', settings, 'up'], { cwd: folder.path, isChild: false });
  assert.equal(code, 3);
  assert.match(stderr, /cannot read the certificate authority absent\.pem: .* venue\.certificateAuthority/);
});
