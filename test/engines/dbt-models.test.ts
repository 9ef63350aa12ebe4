import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { writeDbtSources } from '../../src/cli/dbt-sources.ts';
import type { Instrument } from '../../src/domain/instrument.ts';
import { dayUs, hourUs, minuteUs } from '../../src/domain/interval.ts';
import { generateFrames } from '../../src/harbour/index.ts';
import { readProject } from '../../src/models/project.ts';
import { cellText } from '../../src/warehouse/cell-text.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { commit, gapAt, quotesIn, slots, snapshotsIn, startUs, tradesIn } from '../models/made-rows.ts';
import { type ModelLake, modelLake, ownModels, refuseFailure } from '../models/model-lake.ts';
import * as august from '../recordings/spot-btcusdt-2024.ts';
import { needsRecordings } from '../recordings.ts';
import { derive, framesOf, journalOf } from '../support/derived-lake.ts';
import { type Dbt, dbt } from './support/dbt.ts';
import { engineSuite } from './support/suite.ts';

const sol: Instrument = { venue: 'binance', market: 'spot', symbol: 'SOLUSDT' };
const project = readProject(createNodeWorld().files, ownModels);
const models = project.models.map((model) => model.name);
/** It sees as many tests as we do. */
const checks = project.models.reduce((count, model) => count + model.checks.length, 0);

/** Rows of every model in dbt's database, as the models' own rows are read. */
async function dbtRows(database: string): Promise<Map<string, string[]>> {
  const instance = await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const rows = new Map<string, string[]>();
  for (const model of models) {
    const reader = await connection.runAndReadAll(`SELECT * FROM ${model} ORDER BY ALL`);
    const types = reader.columnTypes().map(String).join(' ');
    rows.set(model, [types, ...reader.getRows().map((row) => row.map((cell) => cellText(cell) ?? 'NULL').join(' '))]);
  }
  connection.closeSync();
  instance.closeSync();
  return rows;
}

/** The same of what Tidemark published; a model without any row is no table. */
async function ownRows({ query, lake }: ModelLake): Promise<Map<string, string[]>> {
  const { files } = await lake.state();
  const rows = new Map<string, string[]>();
  for (const model of models) {
    if (!files.some((file) => file.table === model)) continue;
    const columns = await query(`DESCRIBE ${model}`);
    const found = await query(`SELECT * FROM ${model} ORDER BY ALL`);
    const lines = found.map((row) => row.map((cell) => cell ?? 'NULL').join(' '));
    rows.set(model, [columns.map((column) => column[1]).join(' '), ...lines]);
  }
  return rows;
}

async function build(program: Dbt, lake: ModelLake): Promise<string> {
  const folder = join(lake.folder, 'dbt');
  const { since } = await writeDbtSources(lake, folder, ownModels);
  const vars = readFileSync(join(folder, 'vars.yml'), 'utf8');
  const paths = ['--target-path', join(folder, 'target'), '--log-path', join(folder, 'logs')];
  const said = await program.run(
    ['build', '--project-dir', ownModels, '--profiles-dir', folder, '--vars', vars, ...paths],
    folder,
  );
  const [, passed, warned, errors] = /PASS=(\d+) WARN=(\d+) ERROR=(\d+)/.exec(said) ?? [];
  assert.deepEqual([passed, warned, errors], [String(models.length + checks), '0', '0'], said);
  assert.doesNotMatch(said, /Deprecat|\[WARNING\]/);
  const own = await ownRows(lake);
  const built = await dbtRows(join(folder, 'gold.duckdb'));
  for (const [model, rows] of built) {
    if (own.has(model)) assert.deepEqual(rows, own.get(model), model);
    else assert.equal(rows.length, 1, `${model} has no row`);
  }
  return since ?? '';
}

engineSuite('the models as a dbt project', { program: dbt }, ({ program }) => {
  test('dbt builds of the same files the same rows, at first and when days changed since', async (t) => {
    const lake = await modelLake(t);
    // What the engine derives of a market, candles that are final included.
    const flow = { takerRate: 0.1, activityRate: 0.5, moveRate: 0.02 };
    const symbols = ['BTCUSDT', 'ETHUSDT'].map((symbol) => ({ symbol, market: 'spot' as const, flow }));
    const instruments = symbols.map(({ symbol }) => ({ venue: 'binance', market: 'spot', symbol }) as const);
    const toUs = startUs + dayUs + 3 * hourUs;
    const frames = generateFrames({
      seed: 5,
      symbols,
      startAtUs: startUs,
      endAtUs: toUs,
      streams: ['trade', 'bookTicker'],
    });
    await derive(lake.lake, journalOf(instruments, ['trade', 'book-ticker'], frames), hourUs);
    await commit(
      lake,
      tradesIn(slots, sol, startUs + 2 * hourUs, startUs + 30 * hourUs, minuteUs),
      snapshotsIn(slots, sol, startUs + hourUs, startUs + 3 * hourUs),
    );
    await commit(
      lake,
      quotesIn(slots, sol, startUs + 2 * hourUs, startUs + 3 * hourUs),
      gapAt(slots, sol, startUs + 4 * hourUs, 'open'),
    );
    refuseFailure(await lake.run());
    assert.equal(await build(program, lake), '');
    assert.deepEqual([...(await ownRows(lake)).keys()], models, 'every model has rows');

    // A new day begins, and the first day's gap is repaired.
    await commit(lake, tradesIn(slots, sol, startUs + 48 * hourUs, startUs + 52 * hourUs, minuteUs));
    await commit(
      lake,
      tradesIn(slots, sol, startUs + 4 * hourUs + 1, startUs + 5 * hourUs, minuteUs),
      gapAt(slots, sol, startUs + 4 * hourUs, 'repaired'),
    );
    await commit(
      lake,
      quotesIn(slots, sol, startUs + 49 * hourUs, startUs + 50 * hourUs),
      snapshotsIn(slots, sol, startUs + 49 * hourUs, startUs + 50 * hourUs),
    );
    const before = await ownRows(lake);
    refuseFailure(await lake.run());
    assert.notDeepEqual(await ownRows(lake), before);
    assert.equal(await build(program, lake), '2026-01-05');

    // Nothing changed: the newest day alone is built again.
    assert.equal(await build(program, lake), '');
  });

  test('dbt builds of a recording the same rows', needsRecordings, async (t) => {
    const lake = await modelLake(t);
    const frames = framesOf(august.feed(), ['trade', 'bookTicker']);
    await derive(lake.lake, journalOf([august.btcusdt], ['trade', 'book-ticker'], frames), minuteUs);
    refuseFailure(await lake.run());
    await build(program, lake);
    assert.deepEqual([...(await ownRows(lake)).keys()].length, models.length - 2, 'all but depth and correlations');
  });
});
