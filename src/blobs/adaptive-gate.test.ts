import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { AdaptiveGate } from './adaptive-gate.ts';

const busy = new Error('busy');
const isBusy = (error: unknown) => error === busy;

/** Work that stays under way until it is told how it ends. */
function workers(gate: AdaptiveGate) {
  const underWay: ((fails: boolean) => void)[] = [];
  return {
    underWay,
    start: () =>
      gate
        .pass(
          () =>
            new Promise<void>((resolve, reject) => {
              underWay.push((fails) => (fails ? reject(busy) : resolve()));
            }),
          isBusy,
        )
        .catch(() => {}),
  };
}

test('no more pass at once than the limit, and everybody passes in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), async (fails) => {
      const gate = new AdaptiveGate(4);
      const { underWay, start } = workers(gate);
      const all = fails.map(() => start());
      let ended = 0;
      while (ended < fails.length) {
        await setImmediate();
        assert.ok(underWay.length <= 4 && underWay.length > 0, `${underWay.length} under way`);
        underWay.shift()!(fails[ended++]!);
        await setImmediate();
        assert.ok(gate.limit >= 1 && gate.limit <= 4);
      }
      await Promise.all(all);
    }),
  );
});

test('complaints about requests of one round halve the limit once, and success brings it back', async () => {
  const gate = new AdaptiveGate(8);
  const { underWay, start } = workers(gate);
  const all = Array.from({ length: 8 }, start);
  await setImmediate();
  assert.equal(underWay.length, 8);
  for (const end of underWay) end(true);
  await Promise.all(all);
  assert.equal(gate.limit, 4);
  for (let at = 0; at < 100; at++) await gate.pass(async () => {}, isBusy);
  assert.equal(gate.limit, 8);
});

test('another failure than a complaint leaves the limit', async () => {
  const gate = new AdaptiveGate(8);
  await assert.rejects(
    gate.pass(async () => {
      throw new Error('absent');
    }, isBusy),
  );
  assert.equal(gate.limit, 8);
});
