import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { after, test } from 'node:test';
import { ask, startTestServer } from '../../test/support/running-server.ts';
import { openModelLibrary } from '../models/library.ts';
import { modelsAnswerSchema } from '../protocol/models.ts';
import { createNodeWorld } from '../world/node/index.ts';

const folder = resolve(import.meta.dirname, '../../models');
const file = {
  name: 'lake/candles_1d/spot/2026-01-05/day/a.parquet', table: 'candles_1d', market: 'spot', date: '2026-01-05', level: 'day',
  rows: 3, bytes: 900, minTimeUs: 0, maxTimeUs: 0, sha256: 'a',
} as const; // biome-ignore format: a row
const state = { version: 4, committedAtUs: 1, positions: [], checkpoint: undefined, files: [file] };
const models = openModelLibrary(createNodeWorld().files, folder, { state: async () => state });
const server = await startTestServer({ models });
const described = () => models.describe();
after(() => server.close());

test('the models are listed with what is published of each', async () => {
  const { json } = await ask(server, '/api/v1/models');
  const { models, problems } = modelsAnswerSchema.parse(json);
  assert.deepEqual(problems, []);
  const day = models.find(({ name }) => name === 'candles_1d')!;
  assert.deepEqual([day.days, day.rows, day.newestDate, day.reads], [1, 3, '2026-01-05', ['candles_1h']]);
  assert.ok(day.tests.some(({ name }) => name === 'equals_engine_candles(1d)'));
  const minute = models.find(({ name }) => name === 'candles_1m')!;
  assert.deepEqual([minute.days, minute.newestDate], [0, null]);
  assert.ok(models.indexOf(minute) < models.indexOf(day));
});

test('the page of the models may style itself and nothing else, and has every model, column and link', async () => {
  const { text, headers } = await ask(server, '/api/v1/models/page');
  assert.match(String(headers['content-type']), /^text\/html/);
  const policy = String(headers['content-security-policy']);
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)![1]!;
  const hash = createHash('sha256').update(style).digest('base64');
  assert.ok(policy.includes(`style-src 'sha256-${hash}'`) && policy.includes("default-src 'none'"), policy);
  assert.doesNotMatch(text, /<script|style="|https?:/);
  const { models } = await described();
  for (const { name, columns } of models) {
    assert.ok(text.includes(`<section id="${name}">`) && text.includes(`href="#${name}"`), name);
    for (const column of columns) assert.ok(text.includes(`<td>${column.name}</td>`), `${name}.${column.name}`);
  }
});
