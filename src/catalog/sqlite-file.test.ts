import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inTransaction, isConstraint, openSqliteFile } from './sqlite-file.ts';

const content = { code: 'catalog', name: 'the catalog' };

test('a file without room says so, a refused row is no such thing, and neither leaves anything behind', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const database = openSqliteFile({
    ...content,
    path: join(folder, 'file.sqlite'),
    pragmas: 'PRAGMA journal_mode = WAL;',
    formatVersion: 1,
    upgrade: (opened) => opened.exec('CREATE TABLE things (name TEXT PRIMARY KEY, bytes BLOB) STRICT'),
  });
  t.after(() => database.close());
  const add = database.prepare('INSERT INTO things VALUES (?, zeroblob(?))');
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  database.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const full = () =>
    inTransaction(database, content, () => {
      add.run('small', 10);
      try {
        add.run('large', 1 << 20);
      } catch (cause) {
        assert.equal(isConstraint(cause), false);
        throw cause;
      }
    });
  assert.throws(full, { code: 'disk-full' });
  const twice = () =>
    inTransaction(database, content, () => {
      add.run('small', 10);
      try {
        add.run('small', 10);
      } catch (cause) {
        assert.equal(isConstraint(cause), true);
        throw cause;
      }
    });
  assert.throws(twice, { code: 'catalog-failed' });
  assert.deepEqual(
    database.prepare('SELECT count(*) AS rows FROM things').get(),
    Object.assign(Object.create(null), { rows: 0 }),
  );
});
