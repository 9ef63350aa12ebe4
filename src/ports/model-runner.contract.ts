import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ModelInput, ModelPartition, ModelRunner, ModelStep, StepOutcome } from './model-runner.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';

/** What a promise is shown on: a runner, Parquet files made of a SELECT, and what a file holds, as text. */
export interface ModelRunnerUnderTest {
  readonly runner: ModelRunner;
  path(name: string): string;
  file(name: string, select: string): Promise<string>;
  rows(path: string): Promise<string[]>;
}

const date = '2026-01-05';
const dayUs = 86_400_000_000;
const startUs = Date.parse(`${date}T00:00:00Z`) * 1000;
const whole = [{ symbols: undefined, fromUs: startUs, toUs: startUs + dayUs }];

/** `n` rows of a symbol, one an hour from midnight on, as SQL. */
const hours = (symbol: string, n: number, value = 'hour') =>
  `SELECT 'spot' AS market, DATE '${date}' AS date, '${symbol}' AS symbol,
     TIMESTAMPTZ '${date} 00:00:00+00' + to_hours(hour::INTEGER) AS moment, ${value} AS x FROM range(${n}) r(hour)`;

function input(name: string, paths: readonly string[], more: Partial<ModelInput> = {}): ModelInput {
  return { name, paths, columns: undefined, timeColumn: 'moment', cuts: whole, ...more };
}

function step(under: ModelRunnerUnderTest, model: string, sql: string, more: Partial<ModelStep> = {}): ModelStep {
  return {
    model,
    sql,
    refs: [],
    inputs: [],
    work: 'compute',
    cuts: whole,
    timeColumn: 'moment',
    key: ['moment'],
    existing: undefined,
    sample: undefined,
    columnTypes: {},
    tests: [],
    outPath: under.path(`${model}.parquet`),
    ...more,
  };
}

const partition = (...steps: ModelStep[]): ModelPartition => ({ market: 'spot', date, steps });

async function run(under: ModelRunnerUnderTest, ...steps: ModelStep[]): Promise<readonly StepOutcome[]> {
  const session = under.runner.open();
  try {
    return await session.run(partition(...steps));
  } finally {
    session.close();
  }
}

const promises: Promises<ModelRunnerUnderTest> = {
  'a model’s rows are written in the order of symbol and key, and are the input of those after it': async (under) => {
    const source = await under.file('source', `${hours('b', 2)} UNION ALL ${hours('a', 2)} ORDER BY moment`);
    const outcomes = await run(
      under,
      step(under, 'one', 'select * from in_one.source', { inputs: [input('source', [source])] }),
      step(under, 'two', 'select market, date, symbol, moment, x * 10 as x from in_two.one', {
        refs: ['one'],
        inputs: [input('one', [])],
      }),
    );
    assert.deepEqual(outcomes.map(({ state, rows }) => [state, rows]), [['written', 4], ['written', 4]]); // biome-ignore format: short
    assert.deepEqual(await under.rows(under.path('two.parquet')), ['a 0 0', 'a 1 10', 'b 0 0', 'b 1 10']);
    const { changed, minTimeUs, maxTimeUs, columns } = outcomes[1]!;
    assert.deepEqual(
      changed.map(({ symbol }) => symbol),
      ['a', 'b'],
    );
    assert.deepEqual([minTimeUs, maxTimeUs], [startUs, startUs + dayUs / 24]);
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['market', 'date', 'symbol', 'moment', 'x'],
    );
  },
  'only the cuts are computed anew; the other rows of the day stay as they are published': async (under) => {
    const source = await under.file(
      'source',
      `${hours('a', 6, '100 + hour')} UNION ALL ${hours('b', 6, '200 + hour')}`,
    );
    const existing = await under.file('existing', `${hours('a', 5)} UNION ALL ${hours('b', 5)}`);
    const cuts = [{ symbols: ['a'], fromUs: startUs + (4 * dayUs) / 24, toUs: startUs + (6 * dayUs) / 24 }];
    const [outcome] = await run(
      under,
      step(under, 'one', 'select * from in_one.source', {
        inputs: [input('source', [source], { cuts })],
        cuts,
        existing,
        sample: existing,
      }),
    );
    assert.deepEqual(outcome!.changed, [
      { symbol: 'a', minTimeUs: cuts[0]!.fromUs, maxTimeUs: cuts[0]!.toUs - dayUs / 24 },
    ]);
    assert.deepEqual(await under.rows(under.path('one.parquet')), [
      'a 0 0', 'a 1 1', 'a 2 2', 'a 3 3', 'a 4 104', 'a 5 105', 'b 0 0', 'b 1 1', 'b 2 2', 'b 3 3', 'b 4 4',
    ]); // biome-ignore format: a list
  },
  'rows outside of the cuts, as a lookback makes them, are no rows of the day': async (under) => {
    const source = await under.file(
      'source',
      `${hours('a', 6)} UNION ALL SELECT 'spot', DATE '${date}' - 1, 'a', TIMESTAMPTZ '${date} 00:00:00+00' - INTERVAL 1 HOUR, -1`,
    );
    const cuts = [{ symbols: undefined, fromUs: startUs - dayUs, toUs: startUs + dayUs }];
    const sql =
      'select market, date, symbol, moment, lag(x) over (partition by symbol order by moment) as x from in_one.source';
    await run(under, step(under, 'one', sql, { inputs: [input('source', [source], { cuts })] }));
    assert.deepEqual(await under.rows(under.path('one.parquet')), ['a 0 -1', 'a 1 0', 'a 2 1', 'a 3 2', 'a 4 3', 'a 5 4']); // biome-ignore format: a list
  },
  'the same rows again are said to be the same': async (under) => {
    const source = await under.file('source', hours('a', 3));
    const again = { inputs: [input('source', [source])], existing: source, sample: source };
    const [outcome] = await run(under, step(under, 'one', 'select * from in_one.source', again));
    assert.deepEqual([outcome!.state, outcome!.changed], ['same', []]);
  },
  'a model that is not computed is read as published, or is there without rows': async (under) => {
    const existing = await under.file('existing', hours('a', 2));
    const columns = [...['market', 'symbol'].map((name) => ({ name, sqlType: 'VARCHAR' })), { name: 'date', sqlType: 'DATE' }, { name: 'moment', sqlType: 'TIMESTAMPTZ' }]; // biome-ignore format: short
    const outcomes = await run(
      under,
      step(under, 'loaded', 'select 1', { work: 'load', existing }),
      step(under, 'empty', 'select *, 1 as y from in_empty.absent', {
        work: 'empty',
        inputs: [input('absent', [], { columns })],
      }),
      step(under, 'both', 'select l.*, e.y from in_both.loaded as l left join in_both.empty as e using (symbol)', {
        refs: ['loaded', 'empty'],
        inputs: [input('loaded', []), input('empty', [])],
      }),
    );
    assert.deepEqual(outcomes.map(({ state, rows }) => [state, rows]), [['loaded', 0], ['same', 0], ['written', 2]]); // biome-ignore format: short
  },
  'a test that finds rows fails its model with the rows, blocks those that refer to it, and no other': async (
    under,
  ) => {
    const source = await under.file('source', hours('a', 9));
    const inputs = [input('source', [source])];
    const sql = (model: string) => `select * from in_${model}.source`;
    const outcomes = await run(
      under,
      step(under, 'bad', sql('bad'), {
        inputs,
        tests: [
          { name: 'fine', sql: 'select * from tests.bad where x < 0', inputs: [], severity: 'error' },
          {
            name: 'small',
            sql: 'select symbol, x from tests.bad where x > 2 order by x',
            inputs: [],
            severity: 'error',
          },
        ],
      }),
      step(under, 'after', 'select * from in_after.bad', { refs: ['bad'], inputs: [input('bad', [])] }),
      step(under, 'warned', sql('warned'), {
        inputs,
        tests: [
          {
            name: 'told',
            sql: 'select * from tests.warned join tests.other using (x)',
            inputs: [input('other', [source])],
            severity: 'warn',
          },
        ],
      }),
    );
    assert.deepEqual(
      outcomes.map(({ state }) => state),
      ['failed', 'blocked', 'written'],
    );
    const [failed] = outcomes[0]!.failedTests;
    assert.deepEqual(
      [failed!.test, failed!.count, failed!.rows.length, failed!.rows[0]],
      ['small', 6, 5, 'symbol=a, x=3'],
    );
    assert.equal(outcomes[2]!.failedTests[0]!.severity, 'warn');
    await assert.rejects(under.rows(under.path('bad.parquet')));
  },
  'a statement that is broken, reads anything else or answers differently each time fails alone': async (under) => {
    const source = await under.file('source', hours('a', 2));
    const inputs = [input('source', [source])];
    const statements = [
      'select', 'select 1; select 2', `copy (select 1) to '${under.path('x')}'`, 'select * from source', 'select * from days.other',
      `select * from read_parquet('${source}')`, 'select *, random() as y from in_bad.source', 'select volum from in_bad.source',
      'select 1) union all (select 2', 'select * from in_bad.source -- )',
    ]; // biome-ignore format: a list
    for (const sql of statements) {
      const outcomes = await run(
        under,
        step(under, 'bad', sql, { inputs }),
        step(under, 'good', 'select * from in_good.source', { inputs }),
      );
      const isFine = sql.endsWith('-- )');
      assert.deepEqual(
        outcomes.map(({ state }) => state),
        [isFine ? 'written' : 'failed', 'written'],
        sql,
      );
      const { error } = outcomes[0]!;
      if (!isFine) assert.ok(error !== undefined && !error.why.includes(source), `${sql}: ${error?.why}`);
    }
  },
  'columns that lack, that were promised otherwise or are not the published ones are refused': async (under) => {
    const source = await under.file('source', hours('a', 2));
    const inputs = [input('source', [source])];
    const codeOf = async (sql: string, more: Partial<ModelStep> = {}) => {
      const [outcome] = await run(under, step(under, 'one', sql, { inputs, ...more }));
      return outcome!.error?.code;
    };
    const all = 'select * from in_one.source';
    assert.equal(await codeOf(all), undefined);
    assert.equal(await codeOf('select market, date, moment, x from in_one.source'), 'model-columns');
    assert.equal(await codeOf('select * replace (date::timestamp as date) from in_one.source'), 'model-columns');
    assert.equal(await codeOf('select * exclude (moment) from in_one.source'), 'model-columns');
    assert.equal(await codeOf(all, { key: ['momnet'] }), 'model-columns');
    assert.equal(await codeOf(all, { columnTypes: { x: 'double' } }), 'model-columns');
    assert.equal(await codeOf(all, { columnTypes: { x: 'bigint', moment: 'timestamptz' } }), undefined);
    assert.equal(await codeOf(all, { columnTypes: { y: 'bigint' } }), 'model-columns');
    assert.equal(await codeOf(`${all} where x = 1`, { existing: source, sample: source }), undefined);
    assert.equal(await codeOf('select *, 1 as y from in_one.source', { sample: source }), 'model-schema-changed');
    assert.equal(
      await codeOf('select * replace (x::double as x) from in_one.source', { sample: source }),
      'model-schema-changed',
    );
  },
  'a session that is ended answers nothing more, and says so': async (under) => {
    const source = await under.file('source', hours('a', 2));
    const stop = new AbortController();
    const session = under.runner.open(stop.signal);
    const endless =
      'select market, date, symbol, moment, (select count(*) from range(1000000000000) r(i) where hash(i) = x) as x from in_one.source';
    const asked = session.run(partition(step(under, 'one', endless, { inputs: [input('source', [source])] })));
    setTimeout(() => stop.abort(), 300);
    await assert.rejects(asked, { code: 'models-ended' });
    await assert.rejects(session.run(partition()), { code: 'models-ended' });
    session.close();
  },
};

/** Runs every promise in a fresh folder. */
export function modelRunnerContract(
  name: string,
  open: (t: TestContext) => Promise<ModelRunnerUnderTest>,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
