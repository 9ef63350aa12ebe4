import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinFeeds, openRecording } from '../../src/harbour/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { recordedText } from '../support/recorded-frames.ts';
import { startSystem } from '../support/system.ts';

const paths = ['00h', '03h', '06h', '09h', '12h'].map(
  (hour) => `binance/spot/ws-csv/LTCUSDT-aggTrade-LTCUSDT_2025-06-22_${hour}_trades.csv.gz`,
);

const gaps = [
  [293659364, 293659372],
  [293661066, 293661075],
  [293666231, 293666320],
  [293666712, 293666716],
  [293667845, 293668473],
  [293668591, 293668600],
] as const;

test('the gaps of a real recorder of LTCUSDT aggregates are found, these and no others', needsRecordings, async (t) => {
  const { files } = createNodeWorld();
  const feed = joinFeeds(...paths.map((path) => openRecording(files, recording(path), { symbol: 'LTCUSDT' })));
  const rows = paths.flatMap((path) => recordedText(path).trim().split('\n').slice(1));
  const missing = gaps.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  assert.equal(missing, 753);

  const system = await startSystem(t, { mode: { kind: 'replay', feed, speed: 'full' } });
  await system.finished();
  const isAsked = () => system.view.gaps({ state: 'open' }).length === 0;
  await system.until('the venue was asked about every gap', isAsked);
  await system.derived();
  const found = system.view.gaps({});
  assert.deepEqual(
    found.map(({ stream, fromId, toId, heldCount }) => [stream, fromId, toId, heldCount]),
    gaps.map(([from, to]) => ['agg-trade', from, to, 0]),
  );
  const [ledger] = system.view.ledger();
  assert.deepEqual(
    [ledger!.stream, ledger!.firstId, ledger!.lastId, ledger!.heldIds, ledger!.missingIds],
    ['agg-trade', 293588443, 293668661, rows.length, 753],
  );
  await system.stop();

  assert.deepEqual(
    await system.sql('SELECT stream, from_id, to_id, state, held_count FROM gaps ORDER BY from_id'),
    gaps.map(([from, to]) => ['agg-trade', String(from), String(to), 'declared', '0']),
    'the venue was asked, and has nothing there',
  );
  const held = await system.sql(
    'SELECT agg_trade_id, epoch_ms(traded_at), price::DOUBLE, quantity::DOUBLE, buyer_is_maker FROM agg_trades ORDER BY 1',
  );
  assert.ok(rows.length > 70_000);
  assert.deepEqual(
    held.map(([id, atMs, price, quantity, isMaker]) => [id, atMs, Number(price), Number(quantity), isMaker]),
    rows.map((row) => {
      const [atMs, price, quantity, side, id] = row.split(',');
      return [id, atMs, Number(price), Number(quantity), String(side === 'sell')];
    }),
  );
  assert.deepEqual(await system.sql('SELECT * FROM findings'), []);
  // A minute that a gap reaches into is not shown as whole.
  const partial = await system.sql(
    `SELECT count(*) FROM candles, gaps WHERE interval = '1m' AND candles.state = 'final'
       AND gaps.opened_at < candles.opened_at + INTERVAL 1 MINUTE AND gaps.closed_at >= candles.opened_at`,
  );
  assert.deepEqual(partial, [['0']]);
});
