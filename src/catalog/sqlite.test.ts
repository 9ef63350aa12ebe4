import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { catalogContract } from '../ports/catalog.contract.ts';
import { openSqliteCatalog } from './sqlite.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-catalog-'));
after(() => rmSync(root, { recursive: true, force: true }));
let opened = 0;
const newPath = () => join(root, `${opened++}`, 'catalog.db');

catalogContract('SQLite', async () => {
  const path = newPath();
  return { catalog: await openSqliteCatalog(path), reopen: () => openSqliteCatalog(path) };
});

test('a file that is no catalog is refused and left as it is', async () => {
  const path = join(root, 'text.db');
  writeFileSync(path, 'this is not a database, however long the text may be'.repeat(100));
  await assert.rejects(openSqliteCatalog(path), { code: 'catalog-unreadable' });
});

test('a catalog of a later format is refused', async () => {
  const path = join(root, 'later.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await assert.rejects(openSqliteCatalog(path), { code: 'catalog-too-new' });
});
