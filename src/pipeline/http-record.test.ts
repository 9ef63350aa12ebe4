import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HttpRecordHead } from '../ports/journal.ts';
import { decodeHttpRecord, encodeHttpRecord } from './http-record.ts';

const head: fc.Arbitrary<HttpRecordHead> = fc.record(
  {
    request: fc.record(
      {
        purpose: fc.constantFrom('trades-by-id', 'klines', 'time'),
        market: fc.constantFrom('spot', 'usdm'),
        symbol: fc.string(),
        path: fc.string(),
        query: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
        weight: fc.nat(),
        fromId: fc.maxSafeNat(),
      },
      { noNullPrototype: true },
    ),
    status: fc.nat(999),
    headers: fc.dictionary(fc.string(), fc.string({ unit: 'binary' }), { noNullPrototype: true }),
    requestedAtUs: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
);

test('a question and its answer come back whole, wherever in a block they stand', () => {
  fc.assert(
    fc.property(head, fc.uint8Array(), fc.nat(20), fc.nat(20), (given, body, before, after) => {
      const payload = encodeHttpRecord(given, body);
      const block = new Uint8Array(before + payload.length + after).fill(0x7b);
      block.set(payload, before);
      // As a reader has it: a view into a larger buffer.
      const shifted = new Uint8Array(new Uint8Array([9, 9, 9, ...block]).buffer, 3);
      const found = decodeHttpRecord(shifted, before, before + payload.length);
      assert.deepEqual(found.head, given);
      assert.deepEqual(new Uint8Array(found.body), body);
    }),
  );
});

test('a record that is cut off or no record at all is damage by name, never anything else', () => {
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 30 }), fc.nat(), (given, body, at) => {
      const payload = encodeHttpRecord(given, body);
      const headEnd = payload.length - body.length;
      const cut = payload.subarray(0, at % headEnd);
      assert.throws(() => decodeHttpRecord(cut, 0, cut.length), { code: 'journal-damaged' });
    }),
  );
  for (const bytes of [[], [1], [255, 255, 255, 255], [2, 0, 0, 0, 0x7b, 0x5b], [4, 0, 0, 0, 0x6e, 0x75, 0x6c, 0x6c]]) {
    const payload = new Uint8Array(bytes);
    assert.throws(() => decodeHttpRecord(payload, 0, payload.length), { code: 'journal-damaged' });
  }
});
