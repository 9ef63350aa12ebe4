// Run on a file system of a few MiB: commits until it is full, then a little once more, and says what happened.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../domain/batch.ts';
import { Slots } from '../domain/slots.ts';
import type { trades } from '../domain/tables/index.ts';
import { btc, emptyCommit, newLake, startUs, tradeBatch } from './parquet-lake.test-fixture.ts';

const { folder, lake } = await newLake(process.argv[2]!, { isKept: true });
const slots = new Slots();

/** Rows that do not compress. */
function noise(count: number, from: number): Batch {
  const batch = tradeBatch(
    slots,
    Array.from({ length: count }, (_, at) => from + at),
    btc,
    startUs,
  );
  const { price, quantity } = (batch as unknown as Batch<typeof trades.columns>).columns;
  let state = 12345;
  for (let row = 0; row < count; row++) {
    state = (state * 48271) % 2147483647;
    price[row] = state;
    state = (state * 48271) % 2147483647;
    quantity[row] = state;
  }
  return batch;
}

await lake.commit({ ...emptyCommit, slots, batches: [noise(10, 0)] });
let failure: { code?: string; message?: string } = {};
await lake.commit({ ...emptyCommit, slots, batches: [noise(400_000, 1000)] }).catch((error) => {
  failure = { code: error.code, message: error.message };
});
const after = (await lake.state()).version;
const next = await lake.commit({ ...emptyCommit, slots, batches: [noise(10, 100)] });
const { batch } = await lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
const incoming = readdirSync(join(folder, 'blobs', '.incoming'));
console.log(JSON.stringify({ failure, after, next, rows: batch.length, incoming }));
await lake.close();
