import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { until } from '../support/processes.ts';
import { type Compared, compareWithTruth } from './against-truth.ts';
import { type LakeReader, readLake } from './lake-reader.ts';
import { type Storm, stormSymbols } from './storm.ts';

export interface KillOptions {
  readonly kills: number;
  readonly healMs: number;
  /** Longest life before a kill. */
  readonly lifeMs?: number;
}

/**
 * Kills recorder and engine again and again, lets them heal and compares what is committed with what the venue made:
 * wherever the lake is kept, each row is held once or lies in a declared gap.
 */
export async function killAndCompare(
  t: TestContext,
  storm: Storm,
  { kills, healMs, lifeMs = 2200 }: KillOptions,
): Promise<void> {
  await storm.settle();
  for (let kill = 0; kill < kills; kill++) await storm.killOne(lifeMs);
  await healAndCompare(t, storm, healMs);
}

/** Trades that a market must have made, so that a comparison says something. */
const tradesMin = 400;

export async function healAndCompare(t: TestContext, storm: Storm, healMs: number): Promise<void> {
  const made = () => stormSymbols.map(({ symbol }) => storm.harbour.truth.listing(symbol).trades.length);
  await until(() => made().every((trades) => trades > tradesMin), `${tradesMin} trades`, 180_000);
  await compareHealed(t, storm, healMs, (compared) => {
    assert.ok(compared.trades > 100 && compared.repairedTrades > 0, 'some trades were lost and repaired');
    assert.ok(compared.lostDepthEvents > 0 && compared.lostBookTickers > 0, 'some updates were lost for good');
    assert.ok(compared.finalCandles > 20 && compared.snapshots > 0 && compared.gaps > 0);
  });
  t.diagnostic(`kills: ${JSON.stringify(storm.kills)}`);
}

/**
 * Lets it heal and stops it: everything that the market made is held once, or lies in a declared gap. `enough` is asked for
 * each symbol whether there was something to compare. The lake is open until the test ends.
 */
export async function compareHealed(
  t: TestContext,
  storm: Storm,
  healMs: number,
  enough: (compared: Compared) => void,
): Promise<LakeReader> {
  await storm.heal(healMs);
  await storm.stop();
  const lake = await readLake(storm.config);
  t.after(() => lake.close());
  await lake.contentHashes();
  for (const { symbol } of stormSymbols) {
    const compared = await compareWithTruth(lake, storm.harbour.truth, symbol);
    t.diagnostic(`${symbol}: ${JSON.stringify(compared)}`);
    enough(compared);
  }
  return lake;
}
