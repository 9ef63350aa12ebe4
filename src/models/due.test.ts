import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayUs, hourUs, minuteUs } from '../domain/interval.ts';
import type { ComputedDay, RowsChange } from '../ports/catalog.ts';
import { type DueQuestion, dueDays, startOf } from './due.ts';
import type { Model, ModelReach } from './model.ts';

const first = '2026-01-05';
const firstUs = startOf(first);

function model(name: string, inputs: { sources?: string[]; refs?: string[] }, reach: Partial<ModelReach> = {}): Model {
  return {
    name,
    path: `${name}.sql`,
    text: '',
    sql: '',
    refs: inputs.refs ?? [],
    sources: inputs.sources ?? [],
    reach: { grainUs: dayUs, lookbackUs: 0, scope: 'symbol', timeColumn: 'at', key: [], ...reach },
    description: '',
    columns: [],
    checks: [],
    codeHash: `${name} 1`,
  };
}

type Change = readonly [version: number, table: string, symbol: string, fromUs: number, lastUs?: number];

/** A catalog of changes, each with its version. */
function changes(...all: readonly Change[]) {
  return async (after: number): Promise<RowsChange[]> =>
    all
      .filter(([version]) => version > after)
      .map(([, table, symbol, fromUs, lastUs = fromUs]) => {
        const date = new Date(fromUs / 1000).toISOString().slice(0, 10);
        return { table, market: 'spot', symbol, date, minTimeUs: fromUs, maxTimeUs: lastUs };
      });
}

const computed = (table: string, symbol: string, date: string, inputVersion: number): ComputedDay => ({
  table, market: 'spot', symbol, date, inputVersion, codeHash: `${table} 1`,
}); // biome-ignore format: a row

/** What is due as `model date symbols from–to` in minutes of the day. */
async function due(question: DueQuestion): Promise<string[]> {
  const { days } = await dueDays(question);
  return days.flatMap(({ model: { name }, date, cuts }) =>
    cuts.map(({ symbols, fromUs, toUs }) => {
      const minutes = (us: number) => (us - startOf(date)) / minuteUs;
      return `${name} ${date} ${symbols?.join('+') ?? 'all'} ${minutes(fromUs)}–${minutes(toUs)}`;
    }),
  );
}

const minutes = model('minutes', { sources: ['trades'] }, { grainUs: minuteUs });
const hours = model('hours', { refs: ['minutes'] }, { grainUs: hourUs });

test('a change is widened to the grain of each model on its way, and touches its own symbol alone', async () => {
  const atUs = firstUs + 90 * minuteUs + 5;
  const question = {
    models: [minutes, hours],
    computed: ['a', 'b'].flatMap((symbol) => ['minutes', 'hours'].map((table) => computed(table, symbol, first, 2))),
    atVersion: 3,
    changesAfter: changes(
      [1, 'trades', 'a', firstUs, firstUs + hourUs],
      [2, 'trades', 'b', firstUs],
      [3, 'trades', 'b', atUs, atUs + minuteUs],
      [3, 'quotes', 'a', atUs],
    ),
  };
  assert.deepEqual(await due(question), [`minutes ${first} b 90–92`, `hours ${first} b 60–120`]);
  const { proven, provenVersions } = await dueDays(question);
  assert.deepEqual(proven.map(({ table, symbol, inputVersion }) => [table, symbol, inputVersion]), [['minutes', 'a', 3], ['hours', 'a', 3]]); // biome-ignore format: short
  assert.equal(provenVersions, 1);
  assert.deepEqual(await due({ ...question, atVersion: 2, changesAfter: changes([1, 'trades', 'a', firstUs]) }), []);
});

test('each symbol is compared with the version that it was computed at', async () => {
  const question = {
    models: [minutes],
    computed: [computed('minutes', 'a', first, 5), computed('minutes', 'b', first, 1)],
    atVersion: 9,
    changesAfter: changes(
      [1, 'trades', 'a', firstUs],
      [4, 'trades', 'a', firstUs + hourUs],
      [4, 'trades', 'b', firstUs + hourUs],
    ),
  };
  assert.deepEqual(await due(question), [`minutes ${first} b 60–61`]);
});

test('a day is due as a whole when it was never computed, and when the code or what it refers to changed', async () => {
  const question = {
    models: [minutes, { ...hours, codeHash: 'hours 2' }],
    computed: [computed('minutes', 'a', first, 1), computed('hours', 'a', first, 1)],
    atVersion: 2,
    changesAfter: changes([1, 'trades', 'a', firstUs], [2, 'trades', 'b', firstUs + minuteUs]),
  };
  assert.deepEqual(await due(question), [`minutes ${first} b 0–1440`, `hours ${first} all 0–1440`]);
  const { days } = await dueDays(question);
  assert.deepEqual(
    days.map(({ symbols }) => symbols),
    [['b'], ['a', 'b']],
  );
});

test('a change reaches the days that look back on it, by each input’s own reach, and no day that is not there', async () => {
  const trailing = model(
    'trailing',
    { sources: ['quotes'], refs: ['minutes'] },
    { lookbackUs: { minutes: 2 * dayUs } },
  );
  const days = [0, 1, 2, 3].map((day) => [1, 'trades', 'a', firstUs + day * dayUs] as const);
  const dates = days.map(([, , , atUs]) => new Date(atUs / 1000).toISOString().slice(0, 10));
  const known = dates.flatMap((date) => ['minutes', 'trailing'].map((table) => computed(table, 'a', date, 1)));
  const question = { models: [minutes, trailing], computed: known, atVersion: 2 };
  const afterTrade = changes(...days, [2, 'trades', 'a', firstUs + hourUs]);
  assert.deepEqual(await due({ ...question, changesAfter: afterTrade }), [
    `minutes ${first} all 60–61`,
    `trailing ${first} all 0–1440`,
    `trailing ${dates[1]} all 0–1440`,
    `trailing ${dates[2]} all 0–1440`,
  ]);
  const afterQuote = changes(...days, [2, 'quotes', 'a', firstUs + dayUs]);
  assert.deepEqual(await due({ ...question, changesAfter: afterQuote }), [`trailing ${dates[1]} all 0–1440`]);
});

test('a lookback within the day crosses midnight', async () => {
  const carried = model('carried', { sources: ['trades'] }, { grainUs: minuteUs, lookbackUs: 5 * minuteUs });
  const next = '2026-01-06';
  const question = {
    models: [carried],
    computed: [computed('carried', 'a', first, 1), computed('carried', 'a', next, 1)],
    atVersion: 2,
    changesAfter: changes(
      [1, 'trades', 'a', firstUs],
      [1, 'trades', 'a', firstUs + dayUs],
      [2, 'trades', 'a', firstUs + dayUs - 2 * minuteUs],
    ),
  };
  assert.deepEqual(await due(question), [`carried ${first} all 1438–1440`, `carried ${next} all 0–4`]);
});

test('rows that depend on the whole market are computed for every symbol when one changed', async () => {
  const pairs = model('pairs', { sources: ['trades'] }, { scope: 'market' });
  const question = {
    models: [pairs],
    computed: ['a', 'b'].map((symbol) => computed('pairs', symbol, first, 1)),
    atVersion: 2,
    changesAfter: changes([1, 'trades', 'a', firstUs], [2, 'trades', 'b', firstUs]),
  };
  assert.deepEqual(await due(question), [`pairs ${first} all 0–1440`]);
  assert.deepEqual((await dueDays(question)).days[0]!.symbols, ['a', 'b']);
});
