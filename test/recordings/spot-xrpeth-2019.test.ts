import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interval } from '../../src/domain/interval.ts';
import { openRecording } from '../../src/harbour/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { plainDecimal } from '../support/nine-values.ts';
import { recordedText } from '../support/recorded-frames.ts';
import { startSystem } from '../support/system.ts';

const folder = 'binance/spot/reconcile';
const xrpeth = { venue: 'binance', market: 'spot', symbol: 'XRPETH' } as const;

type Row = readonly [openTime: number, open: number, high: number, low: number, close: number, volume: number];

test(
  'two quiet days of XRPETH: every minute and five minutes equal the venue’s, those without a trade too',
  needsRecordings,
  async (t) => {
    const feed = openRecording(
      createNodeWorld().files,
      recording(`${folder}/XRPETH-aggTrades-2019-10-11..13.ccxt.json.gz`),
    );
    const system = await startSystem(t, { mode: { kind: 'replay', feed, speed: 'full' } });
    await system.finished();
    const intervals: readonly Interval[] = ['1m', '5m'];
    const shown = await Promise.all(
      intervals.map((interval) => system.view.candles(xrpeth, interval, 0, Number.MAX_SAFE_INTEGER, 10_000)),
    );
    await system.stop();
    assert.deepEqual(await system.sql('SELECT count(*), min(agg_trade_id), max(agg_trade_id) FROM agg_trades'), [
      ['12477', '13519807', '13532283'],
    ]);
    assert.deepEqual(await system.sql('SELECT * FROM gaps'), []);
    assert.deepEqual(await system.sql('SELECT * FROM findings'), []);

    const venue = (interval: string): Row[] =>
      JSON.parse(recordedText(`${folder}/XRPETH-klines-${interval}-2019-10-11..13.json.gz`));
    const text = ([openTime, ...values]: Row) => [
      openTime * 1000,
      ...values.map((value) => plainDecimal(value.toFixed(8))),
    ];
    for (const [at, interval] of intervals.entries()) {
      const rows = venue(interval);
      assert.equal(rows.length, [3560, 712][at]);
      const ours = shown[at]!.candles;
      assert.deepEqual(
        ours.map(({ openedAtUs, open, high, low, close, volume }) => [
          openedAtUs,
          ...[open, high, low, close, volume].map(plainDecimal),
        ]),
        rows.map(text),
      );
      const states = new Set(ours.slice(1, -1).map(({ state }) => state));
      assert.ok(
        [...states].every((state) => state === 'final' || state === 'no-trades'),
        [...states].join(),
      );
      assert.equal(ours.at(-1)!.state, 'forming', 'the last one ends with the data');
    }

    const stored = await system.sql(
      `SELECT epoch_us(opened_at), open, high, low, close, volume, state FROM candles WHERE interval = '1m' ORDER BY 1`,
    );
    assert.deepEqual(
      stored.map(([at, ...values]) => [Number(at), ...values.slice(0, 5).map((value) => plainDecimal(value!))]),
      venue('1m').map(text),
    );
    const empty = stored.flatMap((row, at) => (row[6] === 'no-trades' ? [at] : []));
    assert.equal(empty.length, 1091);
    for (const at of empty) {
      const close = stored[at - 1]![4];
      assert.deepEqual(
        stored[at]!.slice(1, 6).map((value) => plainDecimal(value!)),
        [...new Array(4).fill(plainDecimal(close!)), '0'],
      );
    }
  },
);
