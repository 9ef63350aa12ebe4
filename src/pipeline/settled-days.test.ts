import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerRow } from '../protocol/api.ts';
import { DaySettling } from './settled-days.ts';

const us = (iso: string): number => Date.parse(iso) * 1000;

function stream(name: string, tidemark: string, openGaps = 0): LedgerRow {
  return {
    instrument: 'binance:spot:BTCUSDT',
    stream: name,
    firstId: name === 'ticker' ? null : 1,
    lastId: 9,
    heldIds: 9,
    missingIds: openGaps,
    byAggregateIds: 0,
    openGaps,
    declaredGaps: 0,
    tidemarkUs: name === 'ticker' ? null : us(tidemark),
    watchedUntilUs: null,
  };
}

const nowUs = us('2026-03-12T00:00:30Z');

test('a day is settled when every stream with ids is proven past its end, two commits later', () => {
  const settling = new DaySettling();
  const ledger = [
    stream('trade', '2026-03-12T00:00:10Z'),
    stream('agg-trade', '2026-03-11T23:59:59Z'),
    stream('ticker', ''),
  ];
  const through = (version: number) => settling.look(ledger, nowUs, version).through;
  assert.equal(through(7), null);
  assert.equal(through(9), '2026-03-10');
  assert.equal(settling.look(ledger, nowUs, 9).why, 'binance:spot:BTCUSDT agg-trade is proven until 2026-03-11T23:59Z');
  ledger[1] = stream('agg-trade', '2026-03-12T00:00:00Z');
  assert.deepEqual([through(10), through(11), through(12)], ['2026-03-10', '2026-03-10', '2026-03-11']);
});

test('an open gap holds its day back however long ago it is; a stream that only ended does not', () => {
  const look = (openGaps: number) => {
    const settling = new DaySettling();
    const ledger = [stream('trade', '2026-03-12T00:00:10Z'), stream('agg-trade', '2026-03-05T10:00:00Z', openGaps)];
    settling.look(ledger, nowUs, 1);
    return settling.look(ledger, nowUs, 3);
  };
  assert.equal(look(0).through, '2026-03-10', 'a day after its end');
  assert.equal(look(1).through, '2026-03-04');
  assert.match(look(1).why!, /1 gaps open/);
});

test('without any stream with ids nothing is settled', () => {
  assert.deepEqual(new DaySettling().look([stream('ticker', '')], nowUs, 5), {
    through: null,
    why: 'no stream with ids has begun',
  });
});
