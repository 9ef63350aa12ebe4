import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertBroken, assertKnown } from './promises.contract.ts';

test('an exemption from a promise that is kept is refused, one from a broken promise is not', async () => {
  await assert.rejects(
    assertBroken('kept', async () => {}),
    /“kept” is kept by now/,
  );
  await assertBroken('broken', async () => assert.fail('as expected'));
});

test('an exemption that names no promise is refused', () => {
  assert.throws(() => assertKnown({ one() {} }, { two: 'a reason' }), /two/);
  assertKnown({ one() {} }, { one: 'a reason' });
});
