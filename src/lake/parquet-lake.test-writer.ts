// A writer to be killed: commits ten trades and a candle a turn, ten minutes of data apart, and says when one is in.
import { writeSync } from 'node:fs';
import { Batch } from '../domain/batch.ts';
import { dayUs, minuteUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import { candles } from '../domain/tables/index.ts';
import { btc, newLake, startUs, tradeBatch } from './parquet-lake.test-fixture.ts';

const { lake, state } = await newLake(process.argv[2]!, {
  keptVersions: 3,
  isKept: true,
  hasIceberg: true,
});
const slots = new Slots();
const slot = slots.atLeast(btc, 2, 5).index;
for (
  let turn = state.checkpointBytes === undefined ? 0 : Number(new TextDecoder().decode(state.checkpointBytes));
  ;
  turn++
) {
  const atUs = startUs + turn * 10 * minuteUs;
  const batch = tradeBatch(
    slots,
    Array.from({ length: 10 }, (_, at) => turn * 10 + at),
    btc,
    atUs,
  );
  const candle = new Batch(candles);
  const row = candle.add(slot);
  const columns = candle.columns;
  columns.interval[row] = '1d';
  columns.opened_at[row] = Math.floor(startUs / dayUs) * dayUs;
  columns.open[row] = columns.high[row] = columns.low[row] = columns.close[row] = 1;
  columns.volume[row] =
    columns.quote_volume[row] =
    columns.taker_buy_volume[row] =
    columns.taker_buy_quote_volume[row] =
      0n;
  columns.trade_count[row] = (turn + 1) * 10;
  columns.first_trade_id[row] = 0;
  columns.last_trade_id[row] = turn * 10 + 9;
  columns.state[row] = 'provisional';
  columns.marks[row] = '';
  columns.source[row] = 'trades';
  await lake.commit({
    slots,
    batches: [batch, candle as unknown as Batch],
    positions: [{ writer: 'recorder', segment: 1, offset: turn + 1, sequence: turn + 1 }],
    checkpoint: new TextEncoder().encode(String(turn + 1)),
  });
  writeSync(1, `${turn + 1}\n`);
  if (turn % 3 === 2) await lake.compact();
  if (turn % 5 === 4) await lake.sweep();
}
