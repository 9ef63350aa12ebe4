import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPostgresJobs } from '../../src/catalog/postgres-jobs.ts';
import { jobStoreContract, storedRun } from '../../src/ports/job-store.contract.ts';
import { isCommit, postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';
import { TcpFaultProxy } from './support/tcp-fault-proxy.ts';

engineSuite('a record of jobs on PostgreSQL', { server: postgres }, ({ server }) => {
  jobStoreContract('PostgreSQL', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    return { store: await openPostgresJobs(options), reopen: () => openPostgresJobs(options) };
  });

  test('changes whose connection breaks in COMMIT are made once: an attempt that began would be refused a second time', async (t) => {
    const proxy = await TcpFaultProxy.start({ targetPort: server.port });
    t.after(() => proxy.stop());
    const store = await openPostgresJobs({ url: server.urlAt(proxy.port), schema: server.newSchema() });
    t.after(() => store.close());
    const { fence } = await store.takeTurn();
    await store.change(fence, [{ kind: 'run', run: storedRun(1) }]);
    let commits = 0;
    proxy.fate = (bytes) => {
      if (!isCommit(bytes)) return 'pass';
      return (['lose-answer', 'cut', 'pass'] as const)[commits++ % 3]!;
    };
    for (let attempt = 1; attempt <= 6; attempt++) {
      await store.change(fence, [{ kind: 'attempt-begun', run: 1, attempt, atUs: attempt }]);
      const end = { kind: 'attempt-ended', run: 1, attempt, atUs: attempt, outcome: 'failed', error: null } as const;
      await store.change(fence, [end]);
    }
    assert.ok(proxy.harmed >= 8);
    assert.equal((await store.attempts(1)).length, 6);
  });

  test('any text can stand in a log', async (t) => {
    const store = await openPostgresJobs({ url: server.url, schema: server.newSchema() });
    t.after(() => store.close());
    const { fence } = await store.takeTurn();
    const text = `it's "quoted" \\ \0 \ud800 – 😀 $1 %s`;
    await store.change(fence, [
      { kind: 'run', run: storedRun(1, { cause: text }) },
      { kind: 'log', run: 1, lines: [{ sequence: 1, atUs: 1, level: 'info', text }] },
    ]);
    const shown = `it's "quoted" \\ \ufffd \ufffd – 😀 $1 %s`;
    assert.deepEqual(
      (await store.log(1, { after: 0, limit: 1 })).map((line) => line.text),
      [shown],
    );
    assert.equal((await store.runs({ cause: text, limit: 1 })).length, 1);
  });
});
