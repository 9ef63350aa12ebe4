import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPostgresCatalog } from '../../src/catalog/postgres.ts';
import type { PostgresOptions } from '../../src/catalog/postgres-session.ts';
import type { Catalog } from '../../src/ports/catalog.ts';
import { dataFile } from './support/data-file.ts';
import { isCommit, postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';
import { type Fate, TcpFaultProxy } from './support/tcp-fault-proxy.ts';

/** A server that says nothing is given up soon, so that a test need not wait long. */
const impatient: PostgresOptions = { statementTimeoutMs: 500, connectTimeoutMs: 1000, idleTransactionTimeoutMs: 1500 };

/** What a writer that commits one file after the other must find, whatever happened meanwhile: each once, in its own version. */
async function assertOnce(catalog: Catalog, answers: readonly number[]): Promise<void> {
  assert.deepEqual(
    answers,
    answers.map((_, at) => at + 1),
    'each commit is told its own version, without a hole',
  );
  for (const version of [0, ...answers]) {
    const { files } = await catalog.state(version);
    assert.deepEqual(
      files.map(({ name }) => name),
      answers.slice(0, version).map((one) => fileName(one)),
    );
  }
  assert.equal((await catalog.state()).version, answers.length);
}

const fileName = (version: number): string => `file-${String(version).padStart(4, '0')}`;

engineSuite('a catalog whose server or connection fails', { server: postgres }, ({ server }) => {
  async function harmed(fate: (bytes: Buffer) => Fate | Promise<Fate>, options: PostgresOptions = {}) {
    const proxy = await TcpFaultProxy.start({ targetPort: server.port });
    const schema = server.newSchema();
    const catalog = await openPostgresCatalog({ url: server.urlAt(proxy.port), schema, ...options });
    const fence = await catalog.takeFence();
    proxy.fate = fate;
    return {
      proxy,
      catalog,
      schema,
      commitFile: (at: number) => catalog.commit(fence, { addFiles: [dataFile(fileName(at))], removeFiles: [] }),
      end: async () => {
        await catalog.close();
        await proxy.stop();
      },
    };
  }

  for (const [fate, what] of [
    ['cut', 'is cut before COMMIT reaches the server'],
    ['lose-answer', 'breaks after COMMIT was made, and its answer is lost'],
    ['silence', 'falls silent when COMMIT was made'],
    ['vanish', 'falls silent before COMMIT arrives'],
  ] as const) {
    test(`a connection that ${what} leaves a commit that is made once and told once`, async () => {
      let isArmed = true;
      const { catalog, proxy, commitFile, end } = await harmed((bytes) => {
        if (!isArmed || !isCommit(bytes)) return 'pass';
        isArmed = false;
        return fate;
      }, impatient);
      const answers = [await commitFile(1), await commitFile(2)];
      assert.equal(proxy.harmed, 1);
      await assertOnce(catalog, answers);
      await end();
    });
  }

  test('whichever piece of a commit meets a broken connection, and again at the next try, it is made once', async () => {
    const answers: number[] = [];
    let pieces = 0;
    let harms: Fate[] = [];
    let at = 0;
    const { catalog, proxy, commitFile, end } = await harmed(() => {
      if (pieces++ !== at || harms.length === 0) return 'pass';
      pieces = 0;
      return harms.shift()!;
    });
    for (const pair of [
      ['cut'],
      ['lose-answer'],
      ['cut', 'cut'],
      ['lose-answer', 'cut'],
      ['cut', 'lose-answer'],
    ] as const) {
      for (at = 0; ; at++) {
        [pieces, harms] = [0, [...pair]];
        answers.push(await commitFile(answers.length + 1));
        if (harms.length === pair.length) break;
      }
      assert.ok(at > 4, `a commit has ${at} pieces`);
    }
    assert.ok(proxy.harmed > 30, `${proxy.harmed} connections were harmed`);
    await assertOnce(catalog, answers);
    await end();
  });

  for (const how of ['crash', 'stopImmediately'] as const) {
    test(`a server that ends in commits (${how}) and comes back has each of them once`, async () => {
      const answers: number[] = [];
      let delayMs = -1;
      let restarting = Promise.resolve();
      const { catalog, commitFile, end } = await harmed(async (bytes): Promise<Fate> => {
        if (delayMs < 0 || !isCommit(bytes)) return 'pass';
        const waitMs = delayMs;
        delayMs = -1;
        restarting = (async () => {
          await sleep(waitMs);
          await server[how]();
          await sleep(300);
          await server.restart();
        })();
        // Now and then the server is gone before the word arrives, else it dies with it.
        if (waitMs === 0) await restarting;
        return 'pass';
      });
      for (let kill = 0; kill < 6; kill++) {
        answers.push(await commitFile(answers.length + 1));
        delayMs = kill % 3;
        answers.push(await commitFile(answers.length + 1));
        answers.push(await commitFile(answers.length + 1));
        await restarting;
      }
      await assertOnce(catalog, answers);
      await end();
    });
  }

  test('a server that stays away makes a commit fail in time and says that its outcome is not known', async () => {
    let isArmed = false;
    let isGone = false;
    const { catalog, proxy, commitFile, end } = await harmed(
      (bytes) => {
        if (isArmed && isCommit(bytes)) {
          isGone = true;
          return 'lose-answer';
        }
        return isGone ? 'cut' : 'pass';
      },
      { retryForMs: 1500 },
    );
    const first = await commitFile(1);
    isArmed = true;
    await assert.rejects(commitFile(2), { code: 'catalog-outcome-unknown' });
    await assert.rejects(commitFile(3), { code: 'catalog-unreachable' });
    [isArmed, isGone] = [false, false];
    assert.equal((await catalog.state()).version, 2, 'it was made');
    assert.equal(await commitFile(3), 3);
    await assertOnce(catalog, [first, 2, 3]);
    assert.ok(proxy.harmed > 2);
    await end();
  });

  for (const [what, loses] of [
    [
      'the last commit',
      (schema: string, token: unknown) => `DELETE FROM ${schema}.versions WHERE version = 2;
         DELETE FROM ${schema}.files WHERE added_version = 2; UPDATE ${schema}.writers SET token = '${token}', version = 1`,
    ],
    [
      'the turn itself',
      (schema: string) => `UPDATE ${schema}.turn SET fence = 0; DELETE FROM ${schema}.writers;
         DELETE FROM ${schema}.versions WHERE version > 0; DELETE FROM ${schema}.files`,
    ],
    [
      'the turn, which another took again',
      (schema: string) => `UPDATE ${schema}.writers SET token = 'of another', holder = 'another', version = NULL`,
    ],
  ] as const) {
    test(`a server that comes back without ${what} is noticed before a commit leaves a hole`, async () => {
      const { catalog, schema, commitFile, end } = await harmed(() => 'pass');
      await commitFile(1);
      const [writer] = await server.query(`SELECT token FROM ${schema}.writers`);
      await commitFile(2);
      await server.query(loses(schema, writer!['token']));
      const before = await server.query(`SELECT version FROM ${schema}.versions ORDER BY version`);
      await assert.rejects(commitFile(3), { code: 'catalog-went-back' });
      assert.deepEqual(await server.query(`SELECT version FROM ${schema}.versions ORDER BY version`), before);
      const fence = await catalog.takeFence();
      const next = await catalog.commit(fence, { addFiles: [dataFile('next')], removeFiles: [] });
      assert.equal(next, before.length, 'a new turn goes on from what is there');
      await end();
    });
  }

  test('a lock that another holds for a while is waited for, longer than one statement may wait', async () => {
    const { catalog, schema, commitFile, end } = await harmed(() => 'pass');
    const holding = server.query(`BEGIN; SELECT 1 FROM ${schema}.turn FOR UPDATE; SELECT pg_sleep(6); COMMIT`);
    await sleep(300);
    const answers = [await commitFile(1)];
    await holding;
    await assertOnce(catalog, answers);
    await end();
  });

  test('100 readers, more than the server takes, see whole versions while a writer goes on', async () => {
    const schema = server.newSchema();
    const options = { url: server.url, schema };
    const writer = await openPostgresCatalog(options);
    const fence = await writer.takeFence();
    const namesAt = (version: number) => [`${version}-a`, `${version}-b`];
    const commit = (version: number) =>
      writer.commit(fence, {
        addFiles: namesAt(version).map(dataFile),
        removeFiles: version === 1 ? [] : namesAt(version - 1),
        positions: [{ writer: 'recorder', segment: 1, offset: version, sequence: version }],
        checkpoint: `checkpoint-${version}`,
      });
    await commit(1);
    let isOver = false;
    const read = async (): Promise<number> => {
      const reader = await openPostgresCatalog({ ...options, isReadOnly: true });
      let [reads, last] = [0, 0];
      for (; !isOver || reads === 0; reads++) {
        const { version, files, positions, checkpoint } = await reader.state();
        assert.ok(version >= last, 'versions never go back');
        last = version;
        assert.deepEqual(
          files.map(({ name }) => name),
          namesAt(version),
        );
        assert.equal(positions[0]!.offset, version);
        assert.equal(checkpoint, `checkpoint-${version}`);
        await sleep(Math.random() * 200);
      }
      await reader.close();
      return reads;
    };
    const readers = Array.from({ length: 100 }, read);
    const commits = 40;
    for (let version = 2; version <= commits; version++) assert.equal(await commit(version), version);
    isOver = true;
    const reads = await Promise.all(readers);
    assert.ok(reads.every((count) => count > 0));
    assert.equal((await writer.state()).version, commits);
    await writer.close();
  });
});
