import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dictionary, dictionaryPath } from '../../scripts/dictionary.ts';
import { tables } from '../../src/domain/tables/index.ts';

test('docs/dictionary.md says what the tables say', () => {
  assert.equal(
    readFileSync(dictionaryPath, 'utf8'),
    dictionary(tables),
    'stale: run `npm run docs` and commit the page',
  );
});

test('the dictionary has a row for every column, with its meaning', () => {
  const lines = dictionary(tables).split('\n');
  for (const { name, columns } of tables) {
    assert.ok(lines.includes(`## ${name}`), name);
    const from = lines.indexOf(`## ${name}`);
    for (const [column, { meaning }] of Object.entries(columns)) {
      const row = lines.slice(from).find((line) => line.startsWith(`| \`${column}\` |`));
      assert.ok(row?.includes(meaning.replaceAll('|', '\\|')), `${name}.${column}`);
    }
  }
});
