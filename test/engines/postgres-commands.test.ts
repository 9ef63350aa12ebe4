import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { runTidemark, TemporaryFolder } from '../support/processes.ts';
import { type PostgresServer, postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';

function settingsOf(t: TestContext, server: PostgresServer): string {
  const folder = new TemporaryFolder('postgres-commands');
  t.after(() => folder.remove());
  return folder.settings({
    server: { port: 0 },
    catalog: { kind: 'postgres', url: server.url, schema: server.newSchema(), retrySeconds: 1 },
  });
}

engineSuite('commands with the catalog on PostgreSQL', { server: postgres }, ({ server }) => {
  test('where nothing was recorded a query says so, and doctor has nothing against it', async (t) => {
    const file = settingsOf(t, server);
    const sql = await runTidemark(['--config', file, 'sql', 'SELECT 1']);
    assert.equal(sql.code, exitCodes.notFound, sql.stderr);
    assert.match(sql.stderr, /nothing was recorded there.*catalog\.schema.*\[not-found\]/);
    const doctor = await runTidemark(['--config', file, 'doctor', '--offline']);
    assert.match(doctor.stdout, /lake +pass +nothing recorded yet/);
  });

  test('a server that does not answer, or does not know us, is named with what to do, and no password', async (t) => {
    const file = settingsOf(t, server);
    const check = async (env: Record<string, string>, code: number, message: RegExp) => {
      for (const command of [['sql', 'SELECT 1'], ['serve']]) {
        const ended = await runTidemark(['--config', file, ...command], { env });
        assert.equal(ended.code, code, ended.stderr);
        assert.match(ended.stderr, message);
        assert.doesNotMatch(ended.stderr + ended.stdout, /pearl-diver|another-word/);
      }
      const doctor = await runTidemark(['--config', file, 'doctor', '--offline'], { env });
      assert.equal(doctor.code, exitCodes.checkFailed);
      assert.match(doctor.stdout, /lake +fail +cannot open the catalog in postgres on 127\.0\.0\.1:\d+/);
    };
    await check({ PGPASSWORD: 'another-word' }, exitCodes.network, /PGPASSWORD or ~\/\.pgpass \[catalog-refused\]/);
    await server.stopImmediately();
    await check({}, exitCodes.network, /ECONNREFUSED.*check that the server runs.*\[catalog-unreachable\]/);
    await server.restart();
  });
});
