import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isCommit, type PostgresServer, postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';
import { TcpFaultProxy } from './support/tcp-fault-proxy.ts';
import { openTradeLake, type TradeLake } from './support/trade-lake.ts';

const writerFile = fileURLToPath(new URL('./postgres-two-writers.test-writer.ts', import.meta.url));

/** A writer in a process of its own; lines in, lines out. */
function startWriter(t: TestContext, url: string, schema: string, folder: string) {
  const child = spawn(process.execPath, [writerFile, url, schema, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid!,
    answer: async (): Promise<string> => (await lines.next()).value ?? 'it ended',
    tell: (line: string) => child.stdin.write(`${line}\n`),
  };
}

function newPlace(t: TestContext, server: PostgresServer) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-two-writers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, schema: server.newSchema() };
}

function blobsIn(folder: string): string[] {
  return readdirSync(join(folder, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
}

engineSuite('two lakes that both believe to be the writer', { server: postgres }, ({ server }) => {
  // A commit of the lake says these things to the catalog, one piece each.
  for (const piece of ['BEGIN; SET LOCAL statement_timeout', '.files (', '.versions VALUES', 'COMMIT']) {
    test(`one that is stopped with ${JSON.stringify(piece)} on its way is refused when it goes on, and leaves no trace`, async (t) => {
      const { folder, schema } = newPlace(t, server);
      const proxy = await TcpFaultProxy.start({ targetPort: server.port });
      t.after(() => proxy.stop());
      const first = startWriter(t, server.urlAt(proxy.port), schema, folder);
      assert.equal(await first.answer(), 'open');
      first.tell('0');
      assert.equal(await first.answer(), 'committed 1');

      let stopped = () => {};
      const isStopped = new Promise<void>((resolve) => {
        stopped = resolve;
      });
      let isArmed = true;
      proxy.fate = (bytes) => {
        const text = bytes.toString('latin1');
        const isIt = piece === 'COMMIT' ? isCommit(bytes) : text.includes(piece);
        if (!isArmed || !isIt || text.includes('READ ONLY')) return 'pass';
        isArmed = false;
        process.kill(first.pid, 'SIGSTOP');
        stopped();
        // What was said before the stop reaches nobody in time.
        return piece === 'COMMIT' ? 'vanish' : 'pass';
      };
      first.tell('10');
      await isStopped;

      const second = await openTradeLake({ url: server.url, schema, folder });
      assert.equal(await second.commitTrades(100), 2);
      process.kill(first.pid, 'SIGCONT');
      const answer = await first.answer();
      assert.match(answer, /^refused fence-lost .*another writer took over \(fence 2, .* process \d+, since \d{4}-/);
      first.tell('20');
      assert.match(await first.answer(), /^refused fence-lost/, 'it stays refused');

      assert.equal(await second.commitTrades(110), 3);
      const { batch } = await second.lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
      const ids = (batch.columns as unknown as { trade_id: Float64Array }).trade_id.subarray(0, batch.length);
      assert.deepEqual(
        [...ids],
        [0, 100, 110].flatMap((from) => Array.from({ length: 10 }, (_, at) => from + at)),
      );
      for (let sweep = 0; sweep < 2; sweep++) await second.lake.sweep();
      const state = await second.lake.state();
      const named = state.files.map(({ name }) => name.slice(name.lastIndexOf('/') + 1));
      const blobs = blobsIn(folder);
      assert.deepEqual(
        blobs.filter((name) => name.endsWith('.parquet')),
        named.toSorted(),
        'no file but those that the newest version names',
      );
      assert.ok(blobs.filter((name) => name.endsWith('.zst')).length <= 2, 'and no checkpoint of the refused one');
      await second.close();
    });
  }

  test('one that is stopped when its COMMIT is made is told so when it goes on, and the other goes on from there', async (t) => {
    const { folder, schema } = newPlace(t, server);
    const proxy = await TcpFaultProxy.start({ targetPort: server.port });
    t.after(() => proxy.stop());
    const first = startWriter(t, server.urlAt(proxy.port), schema, folder);
    assert.equal(await first.answer(), 'open');
    const isStopped = new Promise<void>((resolve) => {
      proxy.fate = (bytes) => {
        if (!isCommit(bytes)) return 'pass';
        proxy.fate = () => 'pass';
        process.kill(first.pid, 'SIGSTOP');
        resolve();
        return 'lose-answer';
      };
    });
    first.tell('0');
    await isStopped;
    const second = await openTradeLake({ url: server.url, schema, folder });
    assert.equal(await second.commitTrades(100), 2);
    process.kill(first.pid, 'SIGCONT');
    assert.equal(await first.answer(), 'committed 1');
    first.tell('10');
    assert.match(await first.answer(), /^refused fence-lost/);
    await second.close();
  });

  test('two that take the turn from each other many times publish each row that was acknowledged, once', async (t) => {
    const { folder, schema } = newPlace(t, server);
    const writers: TradeLake[] = [];
    const acknowledged: number[] = [];
    for (let turn = 0; turn < 40; turn++) {
      const taken = turn % 5 === 0 ? await openTradeLake({ url: server.url, schema, folder }) : undefined;
      if (taken !== undefined) writers.push(taken);
      const attempts = writers.map(async (writer, at) => {
        const firstId = turn * 1000 + at * 10;
        await writer.commitTrades(firstId);
        return firstId;
      });
      const settled = await Promise.allSettled(attempts);
      for (const [at, one] of settled.entries()) {
        if (one.status === 'fulfilled') acknowledged.push(one.value);
        else assert.equal(one.reason.code, 'fence-lost', String(one.reason));
        assert.equal(one.status, at === settled.length - 1 ? 'fulfilled' : 'rejected', 'the newest alone commits');
      }
      if (writers.length > 3) await writers.shift()!.close();
    }
    const { batch } = await writers.at(-1)!.lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
    const ids = (batch.columns as unknown as { trade_id: Float64Array }).trade_id.subarray(0, batch.length);
    assert.deepEqual(
      [...ids],
      acknowledged.flatMap((from) => Array.from({ length: 10 }, (_, at) => from + at)),
    );
    for (const writer of writers) await writer.close();
  });
});
