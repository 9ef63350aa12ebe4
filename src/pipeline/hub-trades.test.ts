import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Derivation } from './derivation.ts';
import type { LiveSource } from './hub.ts';
import { Hub } from './hub.ts';
import type { LiveUpdate } from './market-view.ts';
import { opened, ScriptedJournal, source, tradeFrame } from './scripted-journal.test-fixture.ts';

function rig() {
  const derivation = new Derivation(source);
  const hub = new Hub(derivation, {} as LiveSource);
  derivation.live = hub;
  const journal = new ScriptedJournal('recorder');
  derivation.process(journal.append(...opened(1), ...opened(2)));
  hub.derived(1);
  const updates: LiveUpdate[] = [];
  const end = hub.follow({ kind: 'trades', instrument: 'binance:spot:BTCUSDT' }, (update) => updates.push(update));
  return { derivation, hub, journal, updates, end };
}

test('a trade is told to be synced only when its block is, every one is sent once, and in the end all are told', () => {
  const block = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
  const step = fc.record({ ids: block, syncedBehind: fc.nat(4) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 15 }), (steps) => {
      const { derivation, hub, journal, updates } = rig();
      const blockOf = new Map<number, number>();
      let isAll = false;
      const read = (syncedThrough: number) => {
        for (const { payload } of updates.splice(0)) {
          if (payload.kind === 'trades') {
            for (const { tradeId } of payload.trades) {
              assert.ok(!blockOf.has(tradeId), `${tradeId} is sent once`);
              blockOf.set(tradeId, Number.POSITIVE_INFINITY);
            }
          } else if (payload.kind === 'synced') {
            for (const [id, of] of blockOf) {
              if (id <= payload.throughTradeId) assert.ok(of <= syncedThrough, `${id} of block ${of} at ${syncedThrough}`);
            }
            isAll = [...blockOf.keys()].every((id) => id <= payload.throughTradeId);
          }
        }
      };
      let number = 1;
      for (const { ids, syncedBehind } of steps) {
        number++;
        derivation.process(journal.append(...ids.map((id) => tradeFrame(id, 1))));
        read(0);
        for (const [id, of] of blockOf) if (of === Number.POSITIVE_INFINITY) blockOf.set(id, number);
        hub.derived(number);
        hub.synced(Math.max(1, number - syncedBehind));
        read(Math.max(1, number - syncedBehind));
      }
      hub.synced(number);
      read(number);
      assert.ok(isAll || blockOf.size === 0);
      assert.deepEqual([...blockOf.keys()].sort((a, b) => a - b), [...new Set(steps.flatMap(({ ids }) => ids))].sort((a, b) => a - b));
    }),
    { numRuns: 300 },
  );
}); // biome-ignore format: as above

test('trades are sent in the order in which they were derived, marked unsynced until their block is synced', () => {
  const { derivation, hub, journal, updates } = rig();
  derivation.process(journal.append(tradeFrame(1), tradeFrame(2), tradeFrame(2, 2), tradeFrame(3, 2)));
  hub.derived(2);
  derivation.process(journal.append(tradeFrame(3), tradeFrame(4)));
  hub.derived(3);
  hub.synced(2);
  hub.synced(3);
  const told = updates.map(({ synced, payload }) =>
    payload.kind === 'trades'
      ? `${payload.trades.map(({ tradeId }) => tradeId)} ${synced ? 'synced' : 'unsynced'}`
      : `through ${payload.kind === 'synced' ? payload.throughTradeId : ''} ${synced ? 'all' : 'more to come'}`,
  );
  assert.deepEqual(told, ['1,2 unsynced', '3 unsynced', '4 unsynced', 'through 3 more to come', 'through 4 all']);
});

test('whoever has ended following hears nothing more', () => {
  const { derivation, journal, updates, end } = rig();
  end();
  derivation.process(journal.append(tradeFrame(1)));
  assert.deepEqual(updates, []);
});
