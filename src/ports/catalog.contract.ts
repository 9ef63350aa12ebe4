import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Catalog, ComputedDay, DataFile, RowsChange } from './catalog.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';

/** What a promise is shown on: a catalog, and a second opening of the same one, as another process has it. */
export interface CatalogUnderTest {
  readonly catalog: Catalog;
  reopen(): Promise<Catalog>;
}

function file(name: string): DataFile {
  return {
    name, table: 'trades', market: 'spot', date: '2026-01-02', level: 'minute',
    rows: 3, bytes: 400, minTimeUs: 1_767_312_000_000_000, maxTimeUs: 1_767_312_059_999_999, sha256: name,
  }; // biome-ignore format: a row
}

const position = { writer: 'recorder', segment: 1, offset: 10, sequence: 2 };
const names = (files: readonly DataFile[]): string[] => files.map((one) => one.name).sort();

const promises: Promises<CatalogUnderTest> = {
  'a new catalog is version 0, empty': async ({ catalog }) => {
    assert.deepEqual(await catalog.state(), {
      version: 0, committedAtUs: 0, positions: [], checkpoint: undefined, files: [],
    }); // biome-ignore format: one state
  },
  'a commit is there as a whole, also for another opening': async ({ catalog, reopen }) => {
    const fence = await catalog.takeFence();
    const change = { addFiles: [file('a'), file('b')], removeFiles: [], positions: [position], checkpoint: 'c1' };
    assert.equal(await catalog.commit(fence, change), 1);
    const again = await reopen();
    const { committedAtUs, ...state } = await again.state();
    assert.ok(committedAtUs > 1_767_000_000_000_000, 'it knows when');
    assert.deepEqual(state, {
      version: 1, positions: [position], checkpoint: 'c1', files: [file('a'), file('b')],
    }); // biome-ignore format: one state
    await again.close();
  },
  'a commit that cannot be made whole changes nothing': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    await catalog.commit(fence, { addFiles: [file('a')], removeFiles: [], positions: [position], checkpoint: 'c1' });
    const before = await catalog.state();
    for (const change of [
      { addFiles: [file('b'), file('a')], removeFiles: [] },
      { addFiles: [file('b')], removeFiles: ['a', 'absent'] },
      { addFiles: [file('b')], removeFiles: ['a', 'a'] },
    ]) {
      const moved = { ...change, positions: [{ ...position, offset: 99 }], checkpoint: 'c2' };
      await assert.rejects(catalog.commit(fence, moved), { code: 'catalog-conflict' });
      assert.deepEqual(await catalog.state(), before);
    }
  },
  'a change of files alone leaves positions and checkpoint': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    await catalog.commit(fence, { addFiles: [file('a')], removeFiles: [], positions: [position], checkpoint: 'c1' });
    await catalog.commit(fence, { addFiles: [file('b')], removeFiles: ['a'] });
    const { checkpoint, positions, files } = await catalog.state();
    assert.deepEqual([checkpoint, positions, names(files)], ['c1', [position], ['b']]);
  },
  'positions of journals that a commit does not name stay': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    const other = { ...position, writer: 'engine' };
    await catalog.commit(fence, { addFiles: [], removeFiles: [], positions: [position, other], checkpoint: 'c' });
    const later = { ...position, offset: 500, sequence: 9 };
    await catalog.commit(fence, { addFiles: [], removeFiles: [], positions: [later], checkpoint: 'c' });
    const { positions } = await catalog.state();
    assert.deepEqual(new Set(positions), new Set([other, later]));
  },
  'an earlier version still shows its own files': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    await catalog.commit(fence, { addFiles: [file('a')], removeFiles: [] });
    await catalog.commit(fence, { addFiles: [file('b')], removeFiles: ['a'] });
    await catalog.commit(fence, { addFiles: [file('a')], removeFiles: ['b'] });
    assert.deepEqual(names((await catalog.state(1)).files), ['a']);
    assert.deepEqual(names((await catalog.state(2)).files), ['b']);
    assert.deepEqual(names((await catalog.state(3)).files), ['a']);
    await assert.rejects(catalog.state(4), { code: 'no-such-version' });
  },
  'fences only grow, and an older one cannot commit': async ({ catalog, reopen }) => {
    const first = await catalog.takeFence();
    const other = await reopen();
    const second = await other.takeFence();
    assert.ok(second > first);
    assert.equal(await catalog.currentFence(), second);
    await assert.rejects(catalog.commit(first, { addFiles: [file('a')], removeFiles: [] }), { code: 'fence-lost' });
    assert.equal(await other.commit(second, { addFiles: [file('b')], removeFiles: [] }), 1);
    assert.deepEqual(names((await catalog.state()).files), ['b']);
    await other.close();
  },
  'superseded are the files that no version from the given one on names': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    await catalog.commit(fence, { addFiles: [file('a'), file('b')], removeFiles: [] });
    await catalog.commit(fence, { addFiles: [file('c')], removeFiles: ['a', 'b'] });
    await catalog.commit(fence, { addFiles: [file('b')], removeFiles: ['c'] });
    assert.deepEqual(await catalog.superseded(1), []);
    assert.deepEqual(await catalog.superseded(2), ['a']);
    assert.deepEqual(await catalog.superseded(3), ['a', 'c']);
  },
  'forgetting old versions keeps the later ones whole': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    await catalog.commit(fence, { addFiles: [file('a')], removeFiles: [], positions: [position], checkpoint: 'c1' });
    await catalog.commit(fence, { addFiles: [file('b')], removeFiles: ['a'], positions: [], checkpoint: 'c2' });
    const before = await catalog.state();
    await catalog.forget(fence, 2);
    assert.deepEqual(await catalog.state(), before);
    assert.deepEqual(await catalog.state(2), before);
    await assert.rejects(catalog.state(1), { code: 'no-such-version' });
    assert.deepEqual(await catalog.superseded(2), []);
    assert.deepEqual(await catalog.fileNames(), ['b']);
    assert.deepEqual(await catalog.checkpointsSince(0), ['c2']);
  },
  'who looks again sees what a first look sees, whatever was added, removed, added again and forgotten between':
    async ({ catalog, reopen }) => {
      const fence = await catalog.takeFence();
      const seldom = await reopen();
      const live = new Set<string>();
      for (let turn = 1; turn <= 24; turn++) {
        // Seven names come and go in an order that only looks random.
        const turned = [0, 1, 2].map((at) => `${(turn * (at + 2) + at * turn * turn) % 7}`);
        const addFiles = [...new Set(turned)].filter((name) => !live.has(name)).map(file);
        const removeFiles = [...live].filter((name) => turned.includes(name)).slice(0, 2);
        await catalog.commit(fence, { addFiles, removeFiles, positions: [{ ...position, offset: turn }] });
        for (const name of removeFiles) live.delete(name);
        for (const { name } of addFiles) live.add(name);
        if (turn % 5 === 0) await catalog.forget(fence, turn - 1);
        const first = await reopen();
        const seen = await first.state();
        await first.close();
        assert.deepEqual(await catalog.state(), seen, `turn ${turn}`);
        assert.deepEqual(names(seen.files), [...live].sort());
        if (turn % 4 === 0) assert.deepEqual(await seldom.state(), seen, `turn ${turn}, seldom`);
      }
      await seldom.close();
    },
  'changed rows are told since a version, one a symbol and day, and after forgetting still': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    const day = { table: 'trades', market: 'spot', symbol: 'BTCUSDT', date: '2026-01-02' };
    const commit = (...rowsChanged: RowsChange[]) =>
      catalog.commit(fence, { addFiles: [], removeFiles: [], rowsChanged });
    await commit({ ...day, minTimeUs: 10, maxTimeUs: 20 });
    await commit({ ...day, minTimeUs: 5, maxTimeUs: 7 }, { ...day, symbol: 'ETHUSDT', minTimeUs: 1, maxTimeUs: 2 });
    await commit({ ...day, minTimeUs: 30, maxTimeUs: 31 });
    const eth = { ...day, symbol: 'ETHUSDT', minTimeUs: 1, maxTimeUs: 2 };
    assert.deepEqual(await catalog.rowsChangedAfter(0), [{ ...day, minTimeUs: 5, maxTimeUs: 31 }, eth]);
    assert.deepEqual(await catalog.rowsChangedAfter(1), [{ ...day, minTimeUs: 5, maxTimeUs: 31 }, eth]);
    assert.deepEqual(await catalog.rowsChangedAfter(2), [{ ...day, minTimeUs: 30, maxTimeUs: 31 }]);
    assert.deepEqual(await catalog.rowsChangedAfter(3), []);
    await catalog.forget(fence, 3);
    assert.deepEqual(await catalog.rowsChangedAfter(0), [{ ...day, minTimeUs: 5, maxTimeUs: 31 }, eth]);
    assert.deepEqual(await catalog.rowsChangedAfter(2), [{ ...day, minTimeUs: 30, maxTimeUs: 31 }]);
  },
  'what computed tables come from is kept by table, symbol and day, the newest of each': async ({
    catalog,
    reopen,
  }) => {
    const fence = await catalog.takeFence();
    const day = { table: 'volumes', market: 'spot', symbol: 'BTCUSDT', date: '2026-01-02', codeHash: 'aa' };
    const commit = (...computed: ComputedDay[]) => catalog.commit(fence, { addFiles: [], removeFiles: [], computed });
    await commit({ ...day, inputVersion: 1 }, { ...day, date: '2026-01-03', inputVersion: 1 });
    await commit({ ...day, inputVersion: 2, codeHash: 'bb' });
    const again = await reopen();
    assert.deepEqual(await again.computedDays(), [
      { ...day, inputVersion: 2, codeHash: 'bb' },
      { ...day, date: '2026-01-03', inputVersion: 1 },
    ]);
    await again.close();
  },
  'kept versions are told with their fences, oldest first': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    for (let at = 0; at < 3; at++) await catalog.commit(fence, { addFiles: [], removeFiles: [] });
    await catalog.forget(fence, 2);
    const versions = await catalog.versions();
    assert.deepEqual(
      versions.map((one) => [one.version, one.fence]),
      [
        [2, fence],
        [3, fence],
      ],
    );
    assert.ok(versions[0]!.committedAtUs <= versions[1]!.committedAtUs);
  },
  'integers to 2^53 come back exact': async ({ catalog }) => {
    const fence = await catalog.takeFence();
    const large = { ...file('large'), maxTimeUs: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER - 1 };
    await catalog.commit(fence, { addFiles: [large], removeFiles: [] });
    assert.deepEqual((await catalog.state()).files, [large]);
  },
};

/** Runs every promise on a fresh catalog. */
export function catalogContract(name: string, open: () => Promise<CatalogUnderTest>, exemptions?: Exemptions): void {
  const openOnce = async (t: TestContext) => {
    const under = await open();
    t.after(() => under.catalog.close());
    return under;
  };
  contract(name, promises, openOnce, exemptions);
}
