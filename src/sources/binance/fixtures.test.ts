import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dumpDecoded } from '../../../test/support/decoded-rows.ts';
import { Decoded } from '../../domain/decoded.ts';
import { decodeByParse } from './decode.ts';
import { createBinanceSource } from './index.ts';

const lines = (path: string) =>
  readFileSync(new URL(`./fixtures/${path}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/** What each frame became, a line a row: table, then its values. */
function events(market: 'spot' | 'usdm', decode: typeof decodeByParse): string[] {
  const out = new Decoded();
  out.record.market = market;
  out.record.writer = 'fixture';
  const result: string[] = [];
  lines(`${market}/frames.jsonl`).forEach((frame, sequence) => {
    out.record.sequence = sequence;
    out.record.receivedAtUs = 1_790_000_100_000_000 + sequence;
    const bytes = Buffer.from(frame);
    decode(bytes, 0, bytes.length, out);
    for (const [table, rows] of Object.entries(dumpDecoded(out))) {
      if (!Array.isArray(rows) || table === 'slots') continue;
      for (const row of rows) {
        const scales = typeof row.slot === 'number' ? out.slots.get(row.slot) : undefined;
        const named = scales === undefined ? {} : { slot: `${scales.id} ${scales.priceScale} ${scales.quantityScale}` };
        result.push(JSON.stringify({ frame: sequence, table, ...row, ...named }));
      }
    }
    out.clear();
  });
  return result;
}

for (const market of ['spot', 'usdm'] as const) {
  test(`the ${market} fixture frames become the events written beside them, scanned or parsed`, () => {
    const expected = lines(`${market}/events.jsonl`);
    assert.ok(expected.length > 5);
    assert.deepEqual(events(market, createBinanceSource().decodeFrame), expected);
    assert.deepEqual(events(market, decodeByParse), expected);
  });
}
