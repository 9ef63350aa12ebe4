import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { jobStoreContract } from '../ports/job-store.contract.ts';
import { openSqliteJobs } from './sqlite-jobs.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-jobs-'));
after(() => rmSync(root, { recursive: true, force: true }));
let opened = 0;

jobStoreContract('SQLite', async () => {
  const path = join(root, `${opened++}`, 'jobs.sqlite');
  return { store: await openSqliteJobs(path), reopen: () => openSqliteJobs(path) };
});

test('a file that is no record of jobs is refused', async () => {
  const path = join(root, 'text.db');
  writeFileSync(path, 'this is not a database, however long the text may be'.repeat(100));
  await assert.rejects(openSqliteJobs(path), { code: 'jobs-unreadable' });
});

test('a record of a later format is refused', async () => {
  const path = join(root, 'later.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await assert.rejects(openSqliteJobs(path), { code: 'jobs-too-new' });
});
