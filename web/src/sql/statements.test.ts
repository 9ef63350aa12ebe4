import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fillParameters,
  instantLiteral,
  parametersOf,
  splitStatements,
  statementAt,
  textLiteral,
  wordsOf,
} from './statements.ts';

function texts(sql: string): string[] {
  return splitStatements(sql).map(({ from, to }) => sql.slice(from, to));
}

test('a semicolon in quotes, names, comments and dollar quotes ends no statement', () => {
  const sql = `SELECT ';', "a;b" -- ; no
    /* ; /* ; */ ; */ FROM t WHERE x = $q$ ; ' $q$ AND y = 'it''s;'; SELECT 2`;
  assert.equal(texts(sql).length, 2);
  assert.ok(texts(sql)[0]!.endsWith("'it''s;'"));
  assert.equal(texts(sql)[1], 'SELECT 2');
});

test('what holds only blanks and comments is no statement', () => {
  assert.deepEqual(texts(' ; -- nothing\n ;; /* here */ '), []);
});

test('a quote that is never closed takes the rest and loses nothing', () => {
  assert.deepEqual(texts("SELECT 'open; SELECT 2"), ["SELECT 'open; SELECT 2"]);
});

const part = fc.constantFrom('SELECT 1', "SELECT 'a;''b'", 'SELECT "x;y"', 'SELECT /* ; */ 2', 'SELECT $$;$$');

test('statements that are put together come apart again', () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      assert.deepEqual(texts(parts.join(';\n')), parts);
    }),
  );
});

test('the cursor runs what it stands in or behind', () => {
  const sql = 'SELECT 1;\n\nSELECT 2;\n';
  const at = (position: number): string => {
    const statement = statementAt(sql, position)!;
    return sql.slice(statement.from, statement.to);
  };
  assert.equal(at(3), 'SELECT 1');
  assert.equal(at(9), 'SELECT 1');
  assert.equal(at(10), 'SELECT 1');
  assert.equal(at(11), 'SELECT 2');
  assert.equal(at(sql.length), 'SELECT 2');
  assert.equal(statementAt('-- only words', 3), undefined);
});

test('a cast is no parameter, nor is what stands in quotes or comments', () => {
  const sql = "SELECT x::BIGINT, ':no', a[1:2] FROM t -- :nor\nWHERE symbol = :symbol AND at >= :from AND at < :from";
  assert.deepEqual(parametersOf(sql), ['symbol', 'from']);
});

test('values take the places of parameters, and a place of the filled text is found again in the text before', () => {
  const sql = 'SELECT :symbol, price FROM trades WHERE traded_at >= :from AND prices > :unknown';
  const literals = { symbol: textLiteral("O'NE"), from: "TIMESTAMPTZ '2026-01-01 00:00:00Z'" };
  const { sql: filled, back } = fillParameters(sql, literals);
  assert.ok(filled.startsWith("SELECT 'O''NE', price FROM"));
  assert.ok(filled.endsWith('> :unknown'));
  for (const name of ['price', 'trades', 'traded_at', 'prices', 'unknown'])
    assert.equal(back(filled.indexOf(name)), sql.indexOf(name), name);
  assert.equal(back(filled.indexOf('TIMESTAMPTZ') + 5), sql.indexOf(':from'));
});

test('no value of a parameter can end its own quotes', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const { sql } = fillParameters('SELECT :symbol; SELECT 2', { symbol: textLiteral(value) });
      assert.equal(splitStatements(sql).length, 2);
      assert.ok(!parametersOf(sql).includes('symbol'));
    }),
  );
});

test('words are compared as SQL does, and those in quotes and comments are not there', () => {
  assert.deepEqual(
    [...wordsOf(`SELECT Price FROM "trades" -- candles\nWHERE x = 'gaps'`)],
    ['select', 'price', 'from', 'trades', 'where', 'x'],
  );
});

test('an instant becomes a literal to the microsecond', () => {
  assert.equal(instantLiteral(Date.UTC(2026, 2, 18) * 1000 + 1), "TIMESTAMPTZ '2026-03-18 00:00:00.000001Z'");
});
