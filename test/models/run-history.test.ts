import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunAnswer, RunLogAnswer, RunRow } from '../../src/protocol/jobs.ts';
import { getJson } from '../support/processes.ts';
import { startSystem } from '../support/system.ts';

/** Little more than trades. */
const quiet = { takerRate: 6, activityRate: 8, moveRate: 0.1 };

test('the engine computes the models as a job, whose history says which partitions and times each run touched', async (t) => {
  const system = await startSystem(t, {
    mode: { kind: 'matching', seed: 8, symbols: [{ symbol: 'BTCUSDT', market: 'spot', flow: quiet }], speed: 1 },
    config: { lake: { commitSeconds: 1 } },
  });
  const { url } = system.running.server;
  const held = () => system.view.ledger()[0]?.heldIds ?? 0;
  const committedTrades = async () =>
    Number((await system.sql('SELECT count(*) FROM candles_1m').catch(() => [['0']]))[0]![0]);

  /** Asks for a run and gives its lines when it is done. */
  const run = async (): Promise<string[]> => {
    const response = await fetch(`${url}/api/v1/jobs/models/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(response.status, 202, await response.clone().text());
    const { id } = (await response.json()) as RunRow;
    let state = '';
    await system.until('the run is done', async () => {
      const { run } = await getJson<RunAnswer>(`${url}/api/v1/runs/${id}`);
      state = `${run.state} ${run.error?.message ?? ''}`;
      return ['done', 'skipped', 'failed', 'cancelled'].includes(run.state);
    });
    assert.match(state, /^(done|skipped) /);
    const { lines } = await getJson<RunLogAnswer>(`${url}/api/v1/runs/${id}/log`);
    return lines.map(({ text }) => text);
  };

  await system.until('some trades', () => held() > 20);
  await system.until('they are committed', () => system.view.status().lake.catalogVersion > 3);
  const first = await run();
  assert.ok(
    first.some((line) => /^candles_1m spot \S+ 00:00–24:00 BTCUSDT: written.*never computed/.test(line)),
    first.join('\n'),
  );
  assert.ok((await committedTrades()) > 0);

  const before = held();
  const { catalogVersion } = system.view.status().lake;
  await system.until('more trades', () => held() > before + 20);
  await system.until('they are committed', () => system.view.status().lake.catalogVersion > catalogVersion + 1);
  const second = await run();
  const minutes = second.find((line) => /^candles_1m .*inputs changed/.test(line));
  assert.match(
    minutes ?? second.join('\n'),
    /^candles_1m spot \S+ \d\d:\d\d–\d\d:\d\d BTCUSDT: written.*inputs changed/,
  );
  const day = second.find((line) => /^daily_report .*inputs changed/.test(line));
  assert.match(day ?? '', /^daily_report spot \S+ 00:00–24:00 BTCUSDT: written/);
});
