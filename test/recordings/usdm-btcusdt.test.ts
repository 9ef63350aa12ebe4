import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { joinFeeds, mutate, openRecording, recordedKind } from '../../src/harbour/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { officialCandle, ourCandles, plainDecimal } from '../support/nine-values.ts';
import { recordedText } from '../support/recorded-frames.ts';
import { type System, startSystem } from '../support/system.ts';

interface Recorded {
  readonly paths: readonly string[];
  readonly official: string;
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  /** Of the covered minutes. No trade was recorded after the last one of August: its end is seen, and not proven. */
  readonly states: readonly string[];
  readonly offBook: number;
}

const april2023: Recorded = {
  paths: [
    'BTCUSDT-trade+bookTicker+depth0ms+markPrice1s+snapshot-2023-04-04T2358Z.txt.gz',
    'BTCUSDT-trade+bookTicker+depth0ms+markPrice1s-2023-04-05T0000Z.txt.gz',
  ],
  official: 'BTCUSDT-1m-official-2023-04-04T2357Z..2023-04-05T0007Z.csv',
  firstTradeId: 3535186032,
  lastTradeId: 3535198966,
  states: new Array(7).fill('final'),
  offBook: 1,
};

const august2024: Recorded = {
  paths: ['BTCUSDT-trade+bookTicker+depth0ms+snapshot-2024-08-08T2354Z.txt.gz'],
  official: 'BTCUSDT-1m-official-2024-08-08T2350Z..2024-08-09T0006Z.csv',
  firstTradeId: 5266583935,
  lastTradeId: 5266605247,
  states: ['final', 'final', 'final', 'final', 'provisional'],
  offBook: 0,
};

async function replayTrades(t: TestContext, { paths }: Recorded): Promise<System> {
  const { files } = createNodeWorld();
  const feeds = paths.map((path) => openRecording(files, recording(`binance/usdm/ws/${path}`), { market: 'usdm' }));
  // Book tickers show that time went on after the last trade; depth was recorded from a stream that the plan does not know.
  const isPlayed = (stream: string) => ['trade', 'bookTicker'].includes(recordedKind(stream));
  const feed = mutate(joinFeeds(...feeds), { dropFrames: (frame) => !isPlayed(frame.stream) });
  const system = await startSystem(t, { mode: { kind: 'replay', feed, speed: 'full' } });
  await system.finished();
  await system.stop();
  return system;
}

/** Nine values a minute straight from the rows of `trades`, by SQL. */
async function minutesOf(system: System, where: string): Promise<string[][]> {
  const rows = await system.sql(
    `SELECT epoch_us(date_trunc('minute', traded_at)), arg_min(price, trade_id), max(price), min(price),
            arg_max(price, trade_id), sum(quantity), sum(price * quantity::DECIMAL(18,8)), count(*),
            coalesce(sum(quantity) FILTER (NOT buyer_is_maker), 0),
            coalesce(sum(price * quantity::DECIMAL(18,8)) FILTER (NOT buyer_is_maker), 0)
     FROM trades WHERE ${where} GROUP BY 1 ORDER BY 1`,
  );
  return rows.map(([at, ...values]) => [at!, ...values.map((value) => plainDecimal(value!))]);
}

for (const [name, recorded] of Object.entries({ 'April 2023': april2023, 'August 2024': august2024 })) {
  test(
    `every covered minute of USD-M BTCUSDT in ${name} equals the official one in nine values`,
    needsRecordings,
    async (t) => {
      const system = await replayTrades(t, recorded);
      const { firstTradeId, lastTradeId, offBook } = recorded;
      assert.deepEqual(
        await system.sql('SELECT min(trade_id), max(trade_id), count(*), count(*) FILTER (NOT is_market) FROM trades'),
        [[firstTradeId, lastTradeId, lastTradeId - firstTradeId + 1, offBook].map(String)],
      );
      assert.deepEqual(await system.sql('SELECT * FROM gaps'), []);
      assert.deepEqual(await system.sql('SELECT * FROM findings'), []);

      const official = recordedText(`binance/usdm/reconcile/${recorded.official}`)
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => officialCandle(line.split(',')));
      const candles = await ourCandles(system, '1m');
      const whole = candles.filter(({ state }) => state === 'final' || state === 'provisional');
      assert.deepEqual(
        whole.map(({ state }) => state),
        recorded.states,
      );
      const officialOf = (openedAt: string) => official.find((values) => values[0] === openedAt);
      assert.deepEqual(
        whole.map(({ values }) => values),
        whole.map(({ values }) => officialOf(values[0]!)),
      );

      const differing = (minutes: readonly (readonly string[])[]) =>
        minutes.filter(
          (minute) =>
            whole.some(({ values }) => values[0] === minute[0]) && String(minute) !== String(officialOf(minute[0]!)),
        );
      assert.equal(differing(await minutesOf(system, 'is_market')).length, 0);
      assert.equal(
        differing(await minutesOf(system, 'true')).length,
        offBook,
        'with fills off the book a minute differs',
      );
    },
  );
}
