import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

/** What every implementation of a port keeps: sentences that could be false, each with what shows it. */
export type Promises<Under> = Readonly<Record<string, (under: Under) => Promise<void> | void>>;

/** Promises that an implementation does not keep, with the reason. */
export type Exemptions = Readonly<Record<string, string>>;

/** Shows every promise on a fresh opening; what `open` leaves behind it takes away in `t.after`. */
export function contract<Under>(
  name: string,
  promises: Promises<Under>,
  open: (t: TestContext) => Promise<Under> | Under,
  exemptions: Exemptions = {},
): void {
  for (const [promise, show] of Object.entries(promises)) {
    const reason = exemptions[promise];
    test(`${name}: ${promise}`, async (t) => {
      const under = await open(t);
      if (reason === undefined) return show(under);
      await assertBroken(promise, async () => show(under));
      t.skip(reason);
    });
  }
  test(`${name}: every exemption names a promise`, () => assertKnown(promises, exemptions));
}

/** An exemption that is not needed any more would hide the next break. */
export async function assertBroken(promise: string, show: () => Promise<void>): Promise<void> {
  const isKept = await show().then(
    () => true,
    () => false,
  );
  assert.ok(!isKept, `“${promise}” is kept by now: take its exemption away`);
}

export function assertKnown(promises: object, exemptions: Exemptions): void {
  const unknown = Object.keys(exemptions).filter((promise) => !(promise in promises));
  assert.deepEqual(unknown, [], 'these exemptions name no promise');
}
