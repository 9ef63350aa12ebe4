import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { dayUs, hourUs, minuteUs } from '../domain/interval.ts';
import { grainOf } from './grain.ts';
import { askedWish, dailyWish, reportId, weeklyWish } from './period.ts';

const wednesdayUs = Date.UTC(2026, 2, 18) * 1000;
const mondayUs = wednesdayUs - 2 * dayUs;

test('a week is from Monday to Monday, whichever of its days is named', () => {
  for (const date of ['2026-03-16', '2026-03-18', '2026-03-22']) {
    assert.deepEqual(weeklyWish('market', date), {
      kind: 'weekly',
      subject: 'market',
      fromUs: mondayUs,
      toUs: mondayUs + 7 * dayUs,
    });
  }
});

test('asking for exactly a day or a week gives the daily or weekly report', () => {
  assert.deepEqual(askedWish('market', wednesdayUs, wednesdayUs + dayUs), dailyWish('market', '2026-03-18'));
  assert.deepEqual(askedWish('market', mondayUs, mondayUs + 7 * dayUs), weeklyWish('market', '2026-03-16'));
  assert.equal(askedWish('market', wednesdayUs, wednesdayUs + 7 * dayUs).kind, 'range');
});

test('what no report can be made of is refused with a reason', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => dailyWish('market', '2026-02-30'), /it is no day/],
    [() => dailyWish('market', 'yesterday'), /it is no day/],
    [() => askedWish('market', wednesdayUs, wednesdayUs), /empty/],
    [() => askedWish('market', wednesdayUs, wednesdayUs - hourUs), /empty/],
    [() => askedWish('market', wednesdayUs + 1, wednesdayUs + hourUs), /cuts candles/],
    [() => askedWish('market', wednesdayUs + minuteUs, wednesdayUs + 20 * dayUs), /whole hours/],
    [() => askedWish('market', wednesdayUs, wednesdayUs + 401 * dayUs), /longer than 400 days/],
    [() => askedWish('market', Number.NaN, wednesdayUs), /no instants/],
    [() => askedWish('BTCUSDT', wednesdayUs, wednesdayUs + hourUs), /venue:market:SYMBOL/],
    [() => askedWish(`binance:spot:${'X'.repeat(80)}`, wednesdayUs, wednesdayUs + hourUs), /too long/],
  ];
  for (const [ask, pattern] of cases) {
    assert.throws(
      ask,
      (error: unknown) =>
        error instanceof TidemarkError && /^bad-(report|instrument)$/.test(error.code) && pattern.test(error.message),
      String(pattern),
    );
  }
});

test('the id names kind, day, subject and version', () => {
  assert.equal(reportId(dailyWish('market', '2026-03-18'), 90217), 'daily-2026-03-18-market-r90217');
  const range = askedWish('binance:usdm:币USDT', wednesdayUs + 9 * hourUs, wednesdayUs + 17 * hourUs);
  assert.equal(reportId(range, 4), 'range-20260318T0900Z-20260318T1700Z-binance-usdm-=E5=B8=81USDT-r4');
});

test('a range of any length is drawn with few enough candles to see', () => {
  for (const lengthUs of [minuteUs, 11 * minuteUs, hourUs, dayUs, 7 * dayUs, 14 * dayUs, 30 * dayUs, 400 * dayUs]) {
    const { chart, table } = grainOf({ fromUs: 0, toUs: lengthUs });
    const lengths = {
      '1m': minuteUs,
      '15m': 15 * minuteUs,
      '1h': hourUs,
      '6h': 6 * hourUs,
      '1d': dayUs,
      '3m': 3 * minuteUs,
      '5m': 5 * minuteUs,
      '30m': 30 * minuteUs,
      '2h': 2 * hourUs,
      '4h': 4 * hourUs,
      '12h': 12 * hourUs,
      '1w': 7 * dayUs,
    } as Record<string, number>;
    assert.ok(lengthUs / lengths[chart]! <= 170 && lengthUs / lengths[table]! <= 60, `${lengthUs}: ${chart}, ${table}`);
  }
  assert.deepEqual(grainOf({ fromUs: 0, toUs: dayUs }), {
    base: '1m',
    chart: '15m',
    table: '1h',
    returns: '3m',
    spread: '1m',
    quoteSeconds: 1,
  });
});
