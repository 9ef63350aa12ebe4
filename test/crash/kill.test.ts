import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareWithTruth } from './against-truth.ts';
import { readLake } from './lake-reader.ts';
import { Storm, stormSymbols } from './storm.ts';

const seed = 20240817;
const kills = 32;

test('recorder and engine killed 32 times: what the venue made is held once, or lies in a declared gap', async (t) => {
  const storm = await Storm.begin(seed);
  t.after(() => storm.end());
  await storm.settle();
  for (let kill = 0; kill < kills; kill++) await storm.killOne(2200);
  await storm.heal(60_000);
  await storm.stop();

  const lake = await readLake(storm.dataDir);
  t.after(() => lake.close());
  await lake.contentHashes();
  for (const { symbol } of stormSymbols) {
    const compared = await compareWithTruth(lake, storm.harbour.truth, symbol);
    t.diagnostic(`${symbol}: ${JSON.stringify(compared)}`);
    assert.ok(compared.trades > 100 && compared.repairedTrades > 0, 'some trades were lost and repaired');
    assert.ok(compared.lostDepthEvents > 0 && compared.lostBookTickers > 0, 'some updates were lost for good');
    assert.ok(compared.finalCandles > 20 && compared.snapshots > 0 && compared.gaps > 0);
  }
  t.diagnostic(`kills: ${JSON.stringify(storm.kills)}`);
});
