import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { problemOf, withoutPaths } from './problem.ts';

test('a code decides the status, and unknown errors show nothing but a number for the log', () => {
  const of = (code: string, more = {}) =>
    problemOf(new TidemarkError(code, { doing: 'x', ...more }), 'id7').problem.status;
  assert.equal(of('bad-query'), 400);
  assert.equal(of('bad-interval'), 400);
  assert.equal(of('unknown-instrument'), 404);
  assert.equal(of('query-limit'), 422);
  assert.equal(of('query-limit', { retry: 'later' }), 429);
  assert.equal(of('sql-refused'), 400);
  assert.equal(of('sql-timeout'), 422);
  assert.equal(of('rate-limited'), 429);
  assert.equal(of('disk-full'), 500);
  assert.equal(of('catalog-busy', { retry: 'later', afterMs: 1500 }), 503);
  const busy = problemOf(new TidemarkError('catalog-busy', { doing: 'x', retry: 'later', afterMs: 1500 }), 'id7');
  assert.equal(busy.retryAfterS, 2);
  const answer = problemOf(new Error('password is hunter2'), 'id7');
  assert.equal(answer.unexpected, true);
  assert.doesNotMatch(JSON.stringify(answer.problem), /hunter2/);
  assert.match(answer.problem.detail, /id7/);
});

test('absolute paths and stack lines never reach a client, and other text does', () => {
  for (const [text, shown] of [
    ['IO Error: /var/lib/tidemark/lake/a.parquet is gone', 'IO Error: <file> is gone'],
    ['cannot open "/home/me/x y/z.db"', 'cannot open "<file> y/z.db"'],
    ['C:\\Users\\me\\x.db', '<file>'],
    ['read_parquet(/data/a/b.parquet)', 'read_parquet(<file>)'],
    ['boom\n    at f (file.ts:1:1)\n    at g', 'boom'],
    ['see /api/v1/openapi.json', 'see /api/v1/openapi.json'],
    ['6/2/3 is a division', '6/2/3 is a division'],
    ['select 1 / 2', 'select 1 / 2'],
  ] as const) {
    assert.equal(withoutPaths(text), shown);
  }
});
