import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CronSchedule, cron, daysOwed, describeSchedule, nextCronUs, parseSchedule } from './schedule.ts';

const cronOf = (text: string): CronSchedule => parseSchedule(text) as CronSchedule;
const us = (iso: string): number => Date.parse(iso) * 1000;

function next(text: string, after: string, count: number): string[] {
  const schedule = cronOf(text);
  const found: string[] = [];
  let atUs = us(after);
  for (let seen = 0; seen < count; seen++) {
    atUs = nextCronUs(schedule, atUs)!;
    found.push(new Date(atUs / 1000).toISOString().slice(0, 16));
  }
  return found;
}

test('in the night that skips an hour, a time of day inside it comes once, at its end', () => {
  assert.deepEqual(next('30 2 * * * Europe/Berlin', '2026-03-27T12:00Z', 3), [
    '2026-03-28T01:30',
    '2026-03-29T01:00',
    '2026-03-30T00:30',
  ]);
});

test('in the night that has an hour twice, a time of day comes once and a wild hour in both', () => {
  assert.deepEqual(next('30 2 * * * Europe/Berlin', '2026-10-24T12:00Z', 2), ['2026-10-25T00:30', '2026-10-26T01:30']);
  assert.deepEqual(next('30 * * * * Europe/Berlin', '2026-10-24T23:45Z', 3), [
    '2026-10-25T00:30',
    '2026-10-25T01:30',
    '2026-10-25T02:30',
  ]);
});

test('every zone has each daily time exactly once a local day, in every year of two decades', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      fc.integer({ min: us('2010-01-01T00:00Z') / 6e7, max: us('2030-01-01T00:00Z') / 6e7 }),
      (zone, hour, minute, startMinute) => {
        const schedule = cron(`${minute} ${hour} * * *`, zone);
        const localDay = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
        let atUs = startMinute * 6e7;
        const days: string[] = [];
        for (let seen = 0; seen < 8; seen++) {
          atUs = nextCronUs(schedule, atUs)!;
          days.push(localDay.format(atUs / 1000));
        }
        const start = Date.parse(`${days[0]}T00:00Z`);
        assert.deepEqual(
          days,
          days.map((_, at) => new Date(start + at * 86_400_000).toISOString().slice(0, 10)),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('a cron expression that never comes, a wrong field and an unknown zone are refused', () => {
  const refused: [string, RegExp][] = [
    ['0 0 30 2 *', /no date fits it, so it would never run/],
    ['0 0 31 4,6,9,11 *', /never run/],
    ['61 * * * *', /minute: 61/],
    ['* * * *', /it is no schedule/],
    ['0 0 1 * * Europe/Berlim', /"Europe\/Berlim" is no time zone/],
    ['every 0 s', /shorter than a second/],
    ['every 40 d', /longer than 31 days/],
    ['every 3 fortnights', /it is no schedule/],
    ['', /it is no schedule/],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => parseSchedule(text), { code: 'bad-schedule', message }, text);
  }
  assert.equal(next('0 0 29 2 *', '2026-03-01T00:00Z', 1)[0], '2028-02-29T00:00', 'a leap day does come');
});

test('a schedule is read as it is written and written as it was read', () => {
  for (const text of ['every 20 s', 'every 5 min', 'every 36 h', 'every 2 d', 'when a day is settled', 'when asked']) {
    assert.equal(describeSchedule(parseSchedule(text), []).text, text);
  }
  assert.deepEqual(describeSchedule(cronOf('30 2 * * 1-5 Europe/Berlin'), []), {
    kind: 'cron',
    text: '30 2 * * 1-5',
    zone: 'Europe/Berlin',
  });
  assert.equal(describeSchedule(parseSchedule('after the jobs before it'), ['a', 'b']).text, 'after a, b');
});

test('a daily job owes each day that had ended when its time came, once, however often it comes', () => {
  const owed = (text: string, from: string, to: string) => daysOwed(cronOf(text), us(from), us(to));
  assert.deepEqual(owed('15 0 * * *', '2026-03-10T00:15Z', '2026-03-13T00:15Z'), [
    '2026-03-10',
    '2026-03-11',
    '2026-03-12',
  ]);
  assert.deepEqual(owed('*/5 * * * *', '2026-03-10T12:00Z', '2026-03-11T12:00Z'), ['2026-03-10']);
  assert.deepEqual(owed('0 15 * * *', '2026-03-10T12:00Z', '2026-03-11T12:00Z'), ['2026-03-09']);
  assert.deepEqual(owed('15 0 * * *', '2026-03-10T00:15Z', '2026-03-11T00:14Z'), []);
  // A quarter past midnight in Berlin the UTC day is not over yet.
  assert.deepEqual(owed('15 0 * * * Europe/Berlin', '2026-03-09T23:00Z', '2026-03-10T00:00Z'), ['2026-03-08']);
});
