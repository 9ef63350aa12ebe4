import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutate, openRecording } from '../../src/harbour/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { officialCandle, ourCandles } from '../support/nine-values.ts';
import { firstZipEntry } from '../support/recorded-frames.ts';
import { startSystem } from '../support/system.ts';

const path = 'binance/rest/spot-aggTrades-BTCUSDT-fromId202790190-1000rows-2020-01-02.json';
const firstId = 202790190;
const lastId = 202791189;

test(
  'minutes whose aggregates came over REST alone equal the official dump in nine values',
  needsRecordings,
  async (t) => {
    const whole = openRecording(createNodeWorld().files, recording(path), { symbol: 'BTCUSDT' });
    const feed = mutate(whole, { sendOnlyAggTrades: [firstId, lastId] });
    const system = await startSystem(t, { mode: { kind: 'replay', feed, speed: 'full' } });
    await system.finished();
    const isRepaired = () => system.view.gaps({ state: 'repaired' }).length > 0;
    await system.until('the gap is repaired', isRepaired);
    await system.derived();
    await system.stop();

    assert.deepEqual(await system.sql('SELECT stream, from_id, to_id, state, held_count FROM gaps'), [
      ['agg-trade', String(firstId + 1), String(lastId - 1), 'repaired', '998'],
    ]);
    assert.deepEqual(
      await system.sql(
        'SELECT origin, count(*), min(agg_trade_id), max(agg_trade_id) FROM agg_trades GROUP BY 1 ORDER BY 1',
      ),
      [
        ['frame', '2', String(firstId), String(lastId)],
        ['rest', '998', String(firstId + 1), String(lastId - 1)],
      ],
    );
    const official = firstZipEntry('binance/spot/dump/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01-02.zip')
      .trim()
      .split('\n')
      .map((line) => officialCandle(line.split(',')));
    const minute = (text: string) => Date.parse(`2020-01-02T${text}:00Z`) * 1000;
    const ours = (await ourCandles(system, '1m')).filter(
      ({ values: [at] }) => Number(at) >= minute('15:11') && Number(at) <= minute('15:17'),
    );
    assert.equal(ours.length, 7);
    assert.deepEqual(
      ours.map(({ values }) => values),
      official.filter(([at]) => Number(at) >= minute('15:11') && Number(at) <= minute('15:17')),
    );
    assert.deepEqual(
      ours.map(({ state }) => state),
      new Array(7).fill('final'),
    );
  },
);
