import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { createNodeWorld } from '../world/node/index.ts';
import type { Model, ModelProject } from './model.ts';
import { readProject } from './project.ts';

const { files } = createNodeWorld();
const folder = mkdtempSync(join(tmpdir(), 'tidemark-project-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

/** A project of these files. */
function projectOf(texts: Readonly<Record<string, string>>): ModelProject {
  const place = join(folder, String(made++));
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    writeFileSync(join(place, name), text);
  }
  return readProject(files, place);
}

const named = ({ models }: ModelProject, name: string): Model => models.find((model) => model.name === name)!;
const from = (name: string) => `select * from {{ ref('${name}') }}`;
const fromTrades = "select * from {{ source('tidemark', 'trades') }}";

/** Message of what is wrong with a model or file. */
function problem({ problems }: ModelProject, name: string): string {
  const error = problems.get(name);
  assert.ok(error !== undefined, `${name} is no problem, but ${[...problems.keys()]} are`);
  return `${error.code} ${error.message}`;
}

test('the project’s own models are whole, and each comes after those that it refers to', () => {
  const { models, problems, name } = readProject(files, resolve(import.meta.dirname, '../../models'));
  assert.deepEqual([...problems], []);
  assert.equal(name, 'tidemark');
  const seen = new Set<string>();
  for (const model of models) {
    for (const ref of model.refs) assert.ok(seen.has(ref), `${model.name} refers to ${ref}`);
    seen.add(model.name);
    assert.ok(model.description !== '' && model.columns.every(({ description }) => description !== ''), model.name);
    assert.ok(
      model.checks.some((check) => check.name.startsWith('unique_key')),
      model.name,
    );
  }
  const candles = models.filter((model) => model.name.startsWith('candles_')).map((model) => model.name);
  assert.deepEqual(candles, ['candles_1m', 'candles_5m', 'candles_15m', 'candles_1h', 'candles_1d']);
});

test('loose SQL files are models, a dbt project says where its are, and what dbt wrote is none', () => {
  const loose = projectOf({
    'a.sql': fromTrades,
    'deep/b.sql': from('a'),
    'macros/m.sql': '',
    'tests/t.sql': from('a'),
  });
  assert.deepEqual(
    loose.models.map(({ name, path }) => [name, path]),
    [
      ['a', 'a.sql'],
      ['b', 'deep/b.sql'],
    ],
  );
  assert.deepEqual(
    named(loose, 'a').checks.map(({ name }) => name),
    ['t'],
  );
  const project = projectOf({
    'dbt_project.yml': 'name: mine\nmodel-paths: [gold, ./more/]\nvars: { mine: { base: trades } }',
    'gold/a.sql': "select * from {{ source('tidemark', var('base')) }}",
    'more/b.sql': from('a'),
    'else/c.sql': from('a'),
    'target/compiled/a.sql': 'select 1',
  });
  assert.deepEqual(
    project.models.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(named(project, 'a').sources, ['trades']);
  assert.equal(project.problems.size, 0);
});

test('a template’s config, references and macros are those of dbt, and its incremental branch is not taken', () => {
  const project = projectOf({
    'macros/m.sql': "{% macro pick(x, from='a') -%} {{ x }} from {{ ref(from) }} {%- endmacro %}",
    'a.sql': fromTrades,
    'b.sql': `{{ config(materialized='table', meta={'grain': '5 minutes', 'time_column': 'at', 'scope': 'symbol', 'lookback': '2 hours', 'key': ['at', 'n']}) }}
      select {{ pick('*') }} {% if is_incremental() %} where {{ this }} {% endif %} {% for n in range(2) %}-- {{ n }}
      {% endfor %}`,
  });
  assert.equal(project.problems.size, 0);
  const { sql, reach, refs } = named(project, 'b');
  assert.match(sql, /^select \* from "in_b"\."a"\s+-- 0\n\s*-- 1/);
  assert.doesNotMatch(sql, /where/);
  assert.deepEqual(refs, ['a']);
  assert.deepEqual(reach, {
    grainUs: 300_000_000, lookbackUs: 7_200_000_000, scope: 'symbol', timeColumn: 'at', key: ['at', 'n'],
  }); // biome-ignore format: one reach
  assert.deepEqual(named(project, 'a').reach, {
    grainUs: 86_400_000_000, lookbackUs: 0, scope: 'market', timeColumn: undefined, key: [],
  }); // biome-ignore format: one reach
});

test('models that refer to each other in a circle say the way round, and those beside them are whole', () => {
  const project = projectOf({
    'a.sql': from('c'),
    'b.sql': from('a'),
    'c.sql': from('b'),
    'after.sql': from('b'),
    'good.sql': fromTrades,
  });
  assert.deepEqual(
    project.models.map(({ name }) => name),
    ['good'],
  );
  assert.match(problem(project, 'a'), /^model-cycle .*it refers to itself: a → c → b → a/);
  assert.match(problem(project, 'after'), /^model-blocked .*refers to b, which is broken/);
});

test('a mistake in a name says what was meant', () => {
  const project = projectOf({
    'candles_1m.sql': fromTrades,
    'typo.sql': from('candels_1m'),
    'source.sql': "select * from {{ source('tidemark', 'trade') }}",
    'other.sql': "select * from {{ source('mine', 'trades') }}",
    'table.sql': from('trades'),
    'macro.sql': `${fromTrades} {{ nothing() }}`,
    'variable.sql': `${fromTrades} {{ var('nothing') }}`,
    'secret.sql': `${fromTrades} {{ env_var('HOME') }}`,
    'Upper.sql': fromTrades,
    'gaps.sql': fromTrades,
    'constant.sql': 'select 1',
    'grain.sql': `{{ config(meta={'grian': '1 minute'}) }} ${fromTrades}`,
    'odd.sql': `{{ config(meta={'grain': '7 minutes', 'time_column': 'x'}) }} ${fromTrades}`,
    'words.sql': `{{ config(meta={'lookback': 'a week'}) }} ${fromTrades}`,
    'timeless.sql': `{{ config(meta={'grain': '1 minute'}) }} ${fromTrades}`,
    'view.sql': `{{ config(materialized='ephemeral') }} ${fromTrades}`,
    'open.sql': `${fromTrades} {% if %}`,
    'props/p.yml': 'models: [{ name: candles_1n }, { name: words, columns: [{ name: x, tests: [not_nul] }] }]',
    'props/broken.yml': 'models: [',
    'tests/t.sql': from('candles_1h'),
    'tests/u.sql': 'select 1',
  });
  assert.deepEqual(
    project.models.map(({ name }) => name),
    ['candles_1m'],
  );
  for (const [name, wanted] of [
    ['typo', /^no-such-model .*candels_1m.*did you mean candles_1m\?/],
    ['source', /tidemark has no table trade — did you mean trades\?/],
    ['other', /there is no source mine — the source is called tidemark/],
    ['table', /trades is no model — write source\('tidemark', 'trades'\)/],
    ['macro', /there is no function or macro nothing/],
    ['variable', /there is no variable nothing/],
    ['secret', /environment variable HOME — models see no environment/],
    ['Upper', /named with a-z, 0-9 and _/],
    ['gaps', /gaps is a table that Tidemark publishes itself/],
    ['constant', /it refers to nothing/],
    ['grain', /meta has no grian — did you mean grain\?/],
    ['odd', /7 minutes does not divide a day/],
    ['words', /lookback is "a week" — write it like/],
    ['timeless', /shorter than a day and it has no time_column/],
    ['view', /materialized is ephemeral/],
    ['open', /open\.sql: Unexpected token/],
    ['props/p.yml', /no-such-model .*candles_1n.*did you mean candles_1m\?/],
    ['props/broken.yml', /cannot read props\/broken.yml/],
    ['tests/t.sql', /no-such-model .*candles_1h.*did you mean candles_1m\?/],
    ['tests/u.sql', /the test names no model/],
  ] as const) assert.match(problem(project, name), wanted); // biome-ignore format: a table
});

test('an unknown test says what was meant, and a model whose description cannot be read is not used without its tests', () => {
  const project = projectOf({
    'a.sql': fromTrades,
    'a.yml': 'models: [{ name: a, columns: [{ name: x, tests: [not_nul] }] }]',
    'other/b.sql': fromTrades,
    'other/b.yml': 'models: [{ name: b, columns: 7 }]',
    'c/c.sql': fromTrades,
  });
  assert.match(problem(project, 'a'), /there is no test not_nul — did you mean not_null\?/);
  assert.match(problem(project, 'b'), /other\/b\.yml, which may describe it, cannot be read/);
  assert.deepEqual(
    project.models.map(({ name }) => name),
    ['c'],
  );
});

test('tests of YAML become SQL over the model, with the arguments, severity and condition that it gives them', () => {
  const project = projectOf({
    'tests/generic/above.sql':
      '{% test above(model, column_name, least=0) %}select * from {{ model }} where {{ column_name }} <= {{ least }}{% endtest %}',
    'a.sql': fromTrades,
    'b.sql': from('a'),
    'b.yml': `models:
  - name: b
    data_tests:
      - relationships: { column_name: x, arguments: { to: ref('a'), field: x } }
    columns:
      - name: x
        data_tests:
          - not_null
          - accepted_values: { arguments: { values: [1h, 1d] } }
          - above: { arguments: { least: 3 }, config: { severity: warn, where: y > 1 } }`,
  });
  assert.deepEqual([...project.problems], []);
  const checks = named(project, 'b').checks.map(({ name, sql, severity, refs }) => [
    name,
    sql.replaceAll(/\s+/g, ' ').trim(),
    severity,
    refs,
  ]);
  assert.deepEqual(checks, [
    ['relationships(x, "tests"."a", x)'.replace('"tests"."a"', "ref('a')"), 'select child.x from "tests"."b" as child left join "tests"."a" as parent on child.x = parent.x where child.x is not null and parent.x is null', 'error', ['b', 'a']],
    ['not_null(x)', 'select * from "tests"."b" where x is null', 'error', ['b']],
    ['accepted_values(x, 1h, 1d)', `select x, count(*) as copies from "tests"."b" where x not in ('1h', '1d') group by x`, 'error', ['b']],
    ['above(x, 3)', 'select * from (select * from "tests"."b" where y > 1) as rows_of_test where x <= 3', 'warn', ['b']],
  ]); // biome-ignore format: a table
});

test('the hash of a model changes with its SQL, its reach and what it refers to, and with nothing else', () => {
  const files = {
    'a.sql': fromTrades,
    'b.sql': from('a'),
    'macros/m.sql': '{% macro m() %}1{% endmacro %}',
  };
  const hashOf = (texts: Readonly<Record<string, string>>) => named(projectOf({ ...files, ...texts }), 'b').codeHash;
  const hash = hashOf({});
  assert.equal(
    hashOf({ 'c.sql': from('b'), 'b.yml': 'models: [{ name: b, description: other }]', 'tests/t.sql': from('b') }),
    hash,
  );
  for (const changed of [
    { 'a.sql': `${fromTrades} where is_market` },
    { 'b.sql': `${from('a')} where true` },
    { 'b.sql': `{{ config(meta={'lookback': '1 day'}) }}${from('a')}` },
    { 'a.sql': `{{ config(meta={'scope': 'symbol'}) }}${fromTrades}` },
  ]) {
    assert.notEqual(hashOf(changed), hash, JSON.stringify(changed));
  }
});

test('a template that does not end, or grows without end, is refused', () => {
  const loops = '{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}';
  const grows = `{% set ns = namespace(x='0123456789') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`;
  const project = projectOf({
    'loops.sql': `${fromTrades}${loops}`,
    'grows.sql': `${fromTrades}${grows}`,
    'range.sql': `${fromTrades}{% for a in range(100000000000) %}{% endfor %}`,
    'itself.sql': `${fromTrades}{{ again() }}`,
    'macros/again.sql': '{% macro again() %}{{ again() }}{% endmacro %}',
  });
  assert.match(problem(project, 'loops'), /does not come to an end/);
  assert.match(problem(project, 'grows'), /grows too long/);
  assert.match(problem(project, 'range'), /10000 numbers at most/);
  assert.match(problem(project, 'itself'), /model-invalid/);
});

test('a folder that is not there, or is no folder of models, says so', () => {
  assert.throws(() => readProject(files, join(folder, 'nowhere')), { code: 'not-found' });
  const deep = Array.from({ length: 12 }, () => 'd').join('/');
  assert.throws(() => projectOf({ [`${deep}/a.sql`]: fromTrades }), { code: 'model-invalid' });
});
