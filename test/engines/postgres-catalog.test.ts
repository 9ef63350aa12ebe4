import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openPostgresCatalog } from '../../src/catalog/postgres.ts';
import { openPostgresJobs } from '../../src/catalog/postgres-jobs.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { TidemarkError } from '../../src/domain/error.ts';
import { catalogContract } from '../../src/ports/catalog.contract.ts';
import type { Catalog, CatalogChange } from '../../src/ports/catalog.ts';
import { dataFile } from './support/data-file.ts';
import { postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';

engineSuite('a catalog on PostgreSQL', { server: postgres }, ({ server }) => {
  catalogContract('PostgreSQL', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    return { catalog: await openPostgresCatalog(options), reopen: () => openPostgresCatalog(options) };
  });

  test('both catalogs give the same answers to the same calls, whatever these are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const options = { url: server.url, schema: server.newSchema() };
        const [one, other, reader] = [
          await openSqliteCatalog(':memory:'),
          await openPostgresCatalog(options),
          await openPostgresCatalog({ ...options, isReadOnly: true }),
        ];
        try {
          for (const each of [{ fence: true } as const, ...steps]) {
            const [expected, actual] = [await outcomeOf(one, each), await outcomeOf(other, each)];
            assert.deepEqual(actual, expected);
            const seen = await seenBy(one);
            assert.deepEqual(await seenBy(other), seen);
            // One that did not write, and looks at some versions only.
            if (seen.state.version % 3 === 0) assert.deepEqual(await seenBy(reader), seen);
          }
        } finally {
          for (const catalog of [one, other, reader]) await catalog.close();
          await server.query(`DROP SCHEMA ${options.schema} CASCADE`);
        }
      }),
      { numRuns: 25 },
    );
  });

  test('a reader that last looked at a version which was forgotten since sees the newest one whole', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    const [writer, reader] = [await openPostgresCatalog(options), await openPostgresCatalog(options)];
    const fence = await writer.takeFence();
    await writer.commit(fence, { addFiles: ['a', 'b'].map(dataFile), removeFiles: [] });
    assert.equal((await reader.state()).files.length, 2);
    await writer.commit(fence, { addFiles: [dataFile('c')], removeFiles: ['a'] });
    await writer.commit(fence, { addFiles: [], removeFiles: [] });
    await writer.forget(fence, 3);
    assert.deepEqual(
      (await reader.state()).files.map(({ name }) => name),
      ['b', 'c'],
    );
    for (const catalog of [writer, reader]) await catalog.close();
  });

  test('programs that open an absent catalog at once make it once', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    const catalogs = await Promise.all(Array.from({ length: 12 }, () => openPostgresCatalog(options)));
    const fences = await Promise.all(catalogs.map((catalog) => catalog.takeFence()));
    assert.deepEqual(
      fences.toSorted((a, b) => a - b),
      fences.map((_, at) => at + 1),
    );
    for (const catalog of catalogs) await catalog.close();
  });

  test('a reader makes nothing, and says that nothing is there', async () => {
    const schema = server.newSchema();
    const opening = openPostgresCatalog({ url: server.url, schema, isReadOnly: true });
    await assert.rejects(opening, { code: 'not-found' });
    const found = await server.query(`SELECT 1 FROM information_schema.schemata WHERE schema_name = '${schema}'`);
    assert.deepEqual(found, []);
  });

  test('a catalog of a later format is refused by writers and readers and stays as it is', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    await (await openPostgresCatalog(options)).close();
    await server.query(`UPDATE ${options.schema}.format SET version = 99`);
    for (const isReadOnly of [false, true]) {
      await assert.rejects(openPostgresCatalog({ ...options, isReadOnly }), { code: 'catalog-too-new' });
    }
    assert.deepEqual(await server.query(`SELECT version FROM ${options.schema}.format`), [{ version: 99 }]);
  });

  test('a catalog of an older format is brought up to date by a writer, with all that it holds, and refused by readers until then', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    const old = await openPostgresCatalog(options);
    await old.commit(await old.takeFence(), { addFiles: [dataFile('a')], removeFiles: [] });
    const state = await old.state();
    await old.close();
    const jobTables = await server.query(
      `SELECT tablename FROM pg_tables WHERE schemaname = '${options.schema}' AND tablename LIKE 'job%'`,
    );
    for (const { tablename } of jobTables) await server.query(`DROP TABLE ${options.schema}.${tablename}`);
    await server.query(`UPDATE ${options.schema}.format SET version = 1`);
    await assert.rejects(openPostgresCatalog({ ...options, isReadOnly: true }), { code: 'catalog-too-old' });
    const writers = await Promise.all([openPostgresCatalog(options), openPostgresCatalog(options)]);
    for (const catalog of writers) assert.deepEqual(await catalog.state(), state);
    for (const catalog of writers) await catalog.close();
    await (await openPostgresJobs({ ...options, isReadOnly: true })).close();
  });

  test('a number that cannot be exact is refused, not rounded', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    const catalog = await openPostgresCatalog(options);
    await catalog.commit(await catalog.takeFence(), { addFiles: [dataFile('a')], removeFiles: [] });
    await server.query(`UPDATE ${options.schema}.files SET bytes = 9007199254740993`);
    const fresh = await openPostgresCatalog(options);
    await assert.rejects(fresh.state(), { code: 'catalog-unreadable' });
    for (const one of [catalog, fresh]) await one.close();
  });

  test('a reader with the right to select alone reads, and cannot commit', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    const catalog = await openPostgresCatalog(options);
    const fence = await catalog.takeFence();
    await catalog.commit(fence, { addFiles: [dataFile('a')], removeFiles: [] });
    await server.query(
      `CREATE ROLE analyst LOGIN PASSWORD '${server.password}'; GRANT USAGE ON SCHEMA ${options.schema} TO analyst;
       GRANT SELECT ON ALL TABLES IN SCHEMA ${options.schema} TO analyst`,
    );
    const url = server.url.replace('tidemark@', 'analyst@');
    for (const isReadOnly of [true, false]) {
      const reader = await openPostgresCatalog({ ...options, url, isReadOnly });
      assert.deepEqual(await reader.state(), await catalog.state());
      await assert.rejects(reader.commit(fence, { addFiles: [], removeFiles: [] }), { code: 'catalog-refused' });
      await reader.close();
    }
    await catalog.close();
  });

  test('over TLS the certificate and the name in it are checked', async () => {
    const schema = server.newSchema();
    const catalog = await openPostgresCatalog({ url: server.tlsUrl, schema });
    await catalog.takeFence();
    const [session] = await server.query(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tidemark'",
    );
    assert.equal(session?.['ssl'], true);
    await catalog.close();
    for (const [url, why] of [
      [server.tlsUrl.replace('localhost', '127.0.0.1'), /does not match/],
      [server.tlsUrl.replace(/&sslrootcert=.*/, ''), /certificate/],
      [server.tlsUrl.replace('verify-full', 'require').replace(/&sslrootcert=.*/, ''), /certificate/],
    ] as const) {
      await assert.rejects(openPostgresCatalog({ url, schema }), (error) => {
        assert.ok(error instanceof TidemarkError);
        assert.equal(error.code, 'catalog-refused', error.message);
        assert.match(error.message, why);
        return true;
      });
    }
    const unchecked = server.tlsUrl.replace('verify-full', 'no-verify').replace('localhost', '127.0.0.1');
    await (await openPostgresCatalog({ url: unchecked, schema })).close();
  });

  test('a password file in the place where PostgreSQL looks is enough', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-password-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'passwords');
    writeFileSync(file, `127.0.0.1:${server.port}:*:tidemark:${server.password}\n`, { mode: 0o600 });
    const known = process.env['PGPASSWORD'];
    delete process.env['PGPASSWORD'];
    process.env['PGPASSFILE'] = file;
    try {
      const catalog = await openPostgresCatalog({ url: server.url, schema: server.newSchema() });
      assert.equal(await catalog.takeFence(), 1);
      await catalog.close();
      writeFileSync(file, '');
      const opening = openPostgresCatalog({ url: server.url, schema: server.newSchema() });
      await assert.rejects(opening, { code: 'catalog-refused', message: /PGPASSWORD or ~\/\.pgpass/ });
    } finally {
      process.env['PGPASSWORD'] = known;
      delete process.env['PGPASSFILE'];
    }
  });

  test('a refused password is said at once, and neither error nor its cause repeats it', async () => {
    const known = process.env['PGPASSWORD'];
    process.env['PGPASSWORD'] = 'not-the-word';
    try {
      await assert.rejects(openPostgresCatalog({ url: server.url, schema: 'never' }), (error) => {
        assert.ok(error instanceof TidemarkError);
        assert.equal(error.code, 'catalog-refused');
        assert.doesNotMatch(`${error.message} ${error.stack} ${error.cause}`, /not-the-word/);
        return true;
      });
    } finally {
      process.env['PGPASSWORD'] = known;
    }
  });
});

const times = fc.record({ minTimeUs: fc.nat(5), maxTimeUs: fc.integer({ min: 5, max: 9 }) });
const symbol = fc.constantFrom('AAA', 'BBB', 'aaa', 'Ä', '_');
const day = { table: 'trades', market: 'spot', date: '2026-01-02' };
const name = fc.constantFrom('a', 'b', 'c', 'B', 'a/é');

/** A commit as a lake may ask for it, or one that cannot be made. */
const change: fc.Arbitrary<CatalogChange> = fc.record(
  {
    addFiles: fc.array(name, { maxLength: 3 }).map((names) => names.map(dataFile)),
    removeFiles: fc.array(name, { maxLength: 2 }),
    positions: fc.array(
      fc.record({
        writer: fc.constantFrom('recorder', 'engine'),
        segment: fc.nat(3),
        offset: fc.nat(),
        sequence: fc.nat(),
      }),
      { maxLength: 2 },
    ),
    checkpoint: fc.constantFrom('c1', 'c2'),
    rowsChanged: fc.uniqueArray(
      fc.tuple(symbol, times).map(([one, range]) => ({ ...day, symbol: one, ...range })),
      { maxLength: 3, selector: (one) => one.symbol },
    ),
    computed: fc.array(
      fc.record({ ...constants(day), symbol, inputVersion: fc.nat(9), codeHash: fc.constantFrom('x', 'y') }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['addFiles', 'removeFiles'] },
);

function constants<T extends Record<string, string>>(of: T): { [Key in keyof T]: fc.Arbitrary<string> } {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, fc.constant(value)])) as never;
}

type Step = { fence: true } | { commit: CatalogChange } | { staleCommit: CatalogChange } | { forgetAllBut: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ commit: change }) },
  { weight: 1, arbitrary: fc.record({ fence: fc.constant(true as const) }) },
  { weight: 1, arbitrary: fc.record({ staleCommit: change }) },
  { weight: 3, arbitrary: fc.record({ forgetAllBut: fc.nat(4) }) },
);

async function take(catalog: Catalog, one: Step): Promise<unknown> {
  if ('fence' in one) return catalog.takeFence();
  const fence = await catalog.currentFence();
  if ('commit' in one) return catalog.commit(fence, one.commit);
  if ('staleCommit' in one) return catalog.commit(fence - 1, one.staleCommit);
  const { version } = await catalog.state();
  return catalog.forget(fence, Math.max(0, version - one.forgetAllBut));
}

async function outcomeOf(catalog: Catalog, one: Step): Promise<unknown> {
  try {
    return { answer: await take(catalog, one) };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { code: error.code };
  }
}

/** All that the port tells, but for instants: each server has its own clock. */
async function seenBy(catalog: Catalog) {
  const withoutInstant = <T extends { committedAtUs: number }>({ committedAtUs, ...rest }: T) => ({
    ...rest,
    isTimed: committedAtUs > 0,
  });
  const state = withoutInstant(await catalog.state());
  const kept = (await catalog.versions()).map(withoutInstant);
  return {
    state,
    kept,
    earlier: await Promise.all(kept.map(async ({ version }) => withoutInstant(await catalog.state(version)))),
    superseded: await Promise.all(kept.map(({ version }) => catalog.superseded(version))),
    checkpoints: await Promise.all(
      kept.map(async ({ version }) => (await catalog.checkpointsSince(version)).toSorted()),
    ),
    names: (await catalog.fileNames()).toSorted(),
    changed: await Promise.all(kept.map(({ version }) => catalog.rowsChangedAfter(version))),
    computed: await catalog.computedDays(),
    fence: await catalog.currentFence(),
  };
}
