import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Batch } from '../domain/batch.ts';
import { formatScaled } from '../domain/decimal.ts';
import type { Instrument } from '../domain/instrument.ts';
import { dayUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import { findings, trades } from '../domain/tables/index.ts';
import { gapOf } from './gap-batch.contract.ts';
import type { AsOf, Lake, LakeCommit, LakeState } from './lake.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';

/** What a promise is shown on: a lake, not opened yet, that keeps the files of `keptVersions` versions. */
export interface LakeUnderTest {
  readonly lake: Lake;
  readonly keptVersions: number;
  /** The same lake as another process has it. */
  reopen(): Promise<Lake>;
  /** The same for reading alone. */
  openReader(): Promise<Lake>;
  /** The write to the outside after so many others fails once, from now on; undefined: none. */
  failWrite(after: number | undefined): void;
  /** Lets others go on. */
  pause(): Promise<void>;
  /** A file can be read. */
  isThere(path: string): boolean;
  /** A local path for a file of that name. */
  path(name: string): string;
}

const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
const eth: Instrument = { venue: 'binance', market: 'spot', symbol: 'ETHUSDT' };
const startUs = Date.UTC(2026, 0, 2) * 1000;
const all = ['trades', 'gaps', 'findings'];

function tradesOf(slots: Slots, ids: readonly number[], instrument = btc, atUs = startUs): Batch {
  const batch = new Batch(trades, 4);
  const { index } = slots.atLeast(instrument, 2, 5);
  for (const id of ids) {
    const row = batch.add(index);
    const columns = batch.columns;
    columns.trade_id[row] = id;
    columns.price[row] = 100_000 + id;
    columns.quantity[row] = id + 1;
    columns.traded_at[row] = columns.event_at[row] = atUs + id * 1000;
    columns.received_at[row] = atUs + id * 1000 + 7;
    columns.buyer_is_maker[row] = id % 2;
    columns.is_market[row] = 1;
    columns.origin[row] = 'frame';
  }
  return batch as unknown as Batch;
}

/** The commit that ends with so many records read: position and checkpoint say the number, too. */
const commitAt = (count: number, slots: Slots, ...batches: Batch[]): LakeCommit => ({
  slots,
  batches,
  positions: [{ writer: 'recorder', segment: 1, offset: count * 10, sequence: count }],
  checkpoint: new TextEncoder().encode(String(count)),
});

const range = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);
const checkpointOf = ({ checkpointBytes }: LakeState) => checkpointBytes && new TextDecoder().decode(checkpointBytes);

async function rowsOf(lake: Lake, table = 'trades', instrument = btc, more: object = {}): Promise<string[]> {
  const { market, symbol } = instrument;
  const { batch, slots } = await lake.read({ table, market, symbol, ...more });
  const columns = batch.columns as unknown as Record<string, { [row: number]: unknown }>;
  return Array.from({ length: batch.length }, (_, row) => {
    if (table === 'gaps') return `${columns['from_id']![row]} ${columns['state']![row]}`;
    const { priceScale } = slots.get(batch.slot[row]!);
    return `${columns['trade_id']![row]} ${formatScaled(columns['price']![row] as number, priceScale).replace(/\.?0+$/, '')}`;
  });
}

const idsOf = async (lake: Lake, instrument = btc, more: object = {}) =>
  (await rowsOf(lake, 'trades', instrument, more)).map((row) => Number(row.split(' ')[0]));

async function pathsOf(lake: Lake, ...tables: string[]): Promise<string[]> {
  const { files } = await lake.files();
  return Promise.all(tables.flatMap((table) => (files[table] ?? []).map((file) => file.localPath())));
}

/** All that can be seen of a lake. */
async function seen(lake: Lake) {
  const { files, catalogVersion } = await lake.files();
  return { files, catalogVersion, hashes: await lake.contentHashes(all) };
}

const promises: Promises<LakeUnderTest> = {
  'a new lake is version 0, without rows, positions or checkpoint': async ({ lake }) => {
    const state = await lake.open();
    assert.deepEqual([state.version, state.positions, state.checkpointBytes, state.files], [0, [], undefined, []]);
    assert.deepEqual(await lake.contentHashes(all), []);
    assert.deepEqual(await rowsOf(lake), []);
    const { catalogVersion, files } = await lake.files();
    assert.deepEqual([catalogVersion, Object.values(files).flat()], [0, []]);
    assert.ok(all.every((table) => files[table] !== undefined));
  },
  'rows of several tables, positions and checkpoint of a commit are there together, also for another opening': async (
    under,
  ) => {
    const slots = new Slots();
    await under.lake.open();
    assert.equal(
      await under.lake.commit(commitAt(3, slots, tradesOf(slots, [0, 1, 2]), gapOf(slots, startUs, 9, 'open'))),
      1,
    );
    const again = await under.openReader();
    const state = await again.open();
    assert.deepEqual(state.positions, commitAt(3, slots).positions);
    assert.deepEqual([state.version, checkpointOf(state)], [1, '3']);
    assert.deepEqual(await rowsOf(again), ['0 1000', '1 1000.01', '2 1000.02']);
    assert.deepEqual(await rowsOf(again, 'gaps'), ['9 open']);
  },
  'a reader beside the writer sees whole commits only, at every look': async (under) => {
    const slots = new Slots();
    await under.lake.open();
    const reader = await under.openReader();
    let isWriting = true;
    const writing = (async () => {
      for (let count = 1; count <= 12; count++) {
        const batches = [tradesOf(slots, [count]), gapOf(slots, startUs, count, 'open')];
        await under.lake.commit(commitAt(count, slots, ...batches));
        if (count % 4 === 0) await under.lake.compact();
      }
    })().finally(() => {
      isWriting = false;
    });
    let looks = 0;
    for (; isWriting; looks++) {
      await under.pause();
      const state = await reader.open();
      const count = state.positions[0]?.sequence ?? 0;
      const rows = (table: string) =>
        state.files.filter((file) => file.table === table).reduce((sum, file) => sum + file.rows, 0);
      assert.deepEqual([rows('trades'), rows('gaps'), Number(checkpointOf(state) ?? 0)], [count, count, count]);
    }
    await writing;
    assert.ok(looks > 0);
    assert.deepEqual(await idsOf(reader), range(1, 12));
  },
  'whichever write of a commit fails, nothing of it is visible, and the same commit succeeds afterwards': async (
    under,
  ) => {
    const { lake } = under;
    const slots = new Slots();
    await lake.open();
    await lake.commit(commitAt(2, slots, tradesOf(slots, [0, 1]), gapOf(slots, startUs, 9, 'open')));
    const before = await seen(lake);
    const next = commitAt(4, slots, tradesOf(slots, [2, 3]), gapOf(slots, startUs, 9, 'repaired'));
    let failures = 0;
    for (let isDone = false; !isDone; ) {
      under.failWrite(failures);
      isDone = await lake.commit(next).then(
        () => true,
        () => false,
      );
      under.failWrite(undefined);
      if (isDone) break;
      failures++;
      assert.deepEqual(await seen(lake), before, `after failure ${failures}`);
      const reader = await under.openReader();
      const state = await reader.open();
      assert.deepEqual([state.positions[0]?.sequence, checkpointOf(state)], [2, '2']);
      await reader.close();
    }
    assert.ok(failures >= 3, `${failures} writes`);
    assert.deepEqual(await idsOf(lake), [0, 1, 2, 3]);
    assert.deepEqual(await rowsOf(lake, 'gaps'), ['9 repaired']);
  },
  'a writer whose turn is over can neither commit, merge nor remove, and changes nothing': async (under) => {
    const slots = new Slots();
    await under.lake.open();
    for (const id of [1, 2]) await under.lake.commit(commitAt(id, slots, tradesOf(slots, [id])));
    await under.lake.commit(commitAt(3, slots, tradesOf(slots, [3], btc, startUs + 2 * dayUs)));
    const second = await under.reopen();
    await second.open();
    const before = await seen(second);
    await assert.rejects(under.lake.commit(commitAt(9, slots, tradesOf(slots, [9]))), { code: 'fence-lost' });
    await assert.rejects(under.lake.commit(commitAt(9, slots)), { code: 'fence-lost' });
    await assert.rejects(under.lake.compact(), { code: 'fence-lost' });
    // What the new writer has written and not published yet is not the old one's to judge.
    const next = commitAt(4, slots, tradesOf(slots, [4]));
    under.failWrite(2);
    await assert.rejects(second.commit(next));
    under.failWrite(undefined);
    for (let turn = 0; turn < 3; turn++) assert.equal(await under.lake.sweep(), 0);
    assert.deepEqual(await seen(second), before);
    assert.equal(await second.commit(next), before.catalogVersion + 1);
    assert.deepEqual(await idsOf(second), [1, 2, 3, 4]);
  },
  'opened for reading it changes nothing and takes no turn from the writer': async (under) => {
    const slots = new Slots();
    await under.lake.open();
    await under.lake.commit(commitAt(1, slots, tradesOf(slots, [1])));
    const reader = await under.openReader();
    await reader.open();
    await assert.rejects(reader.commit(commitAt(2, slots)), { code: 'lake-not-open' });
    await assert.rejects(reader.compact(), { code: 'lake-not-open' });
    await assert.rejects(reader.sweep(), { code: 'lake-not-open' });
    await under.lake.commit(commitAt(2, slots, tradesOf(slots, [2])));
    assert.deepEqual(await idsOf(reader), [1, 2]);
  },
  'commits asked for at once are made one after the other, in the order asked': async ({ lake }) => {
    const slots = new Slots();
    await lake.open();
    const counts = [1, 2, 3, 4];
    const versions = await Promise.all(
      counts.map((count) => lake.commit(commitAt(count, slots, tradesOf(slots, [count])))),
    );
    assert.deepEqual(versions, counts);
    const state = await lake.open();
    assert.deepEqual([state.positions[0]?.sequence, checkpointOf(state)], [4, '4']);
    assert.deepEqual(await idsOf(lake), counts);
  },
  'a commit without rows moves positions and checkpoint': async ({ lake }) => {
    const slots = new Slots();
    await lake.open();
    await lake.commit(commitAt(1, slots, tradesOf(slots, [])));
    await lake.commit(commitAt(2, slots));
    const state = await lake.open();
    assert.deepEqual([state.version, state.positions[0]?.sequence, checkpointOf(state)], [2, 2, '2']);
    assert.deepEqual(state.files, []);
  },
  'a row of a state table replaces the one of its key, wherever that lies; rows of event tables only gain': async ({
    lake,
  }) => {
    const slots = new Slots();
    await lake.open();
    for (const id of [1, 2, 3])
      await lake.commit(commitAt(id, slots, gapOf(slots, startUs, id, 'open'), tradesOf(slots, [id])));
    await lake.commit(commitAt(4, slots, gapOf(slots, startUs, 2, 'repairing')));
    await lake.commit(commitAt(5, slots, gapOf(slots, startUs, 2, 'repaired')));
    assert.deepEqual((await rowsOf(lake, 'gaps')).sort(), ['1 open', '2 repaired', '3 open']);
    assert.deepEqual(await idsOf(lake), [1, 2, 3]);
    assert.equal((await lake.contentHashes(['gaps']))[0]?.rows, 3);
  },
  'merging changes no row, hash, position or checkpoint, and ends': async ({ lake }) => {
    const slots = new Slots();
    await lake.open();
    for (let count = 1; count <= 6; count++) {
      const batches = [tradesOf(slots, [count], count % 2 === 0 ? btc : eth), gapOf(slots, startUs, count, 'open')];
      await lake.commit(commitAt(count, slots, ...batches));
    }
    await lake.commit(commitAt(7, slots, tradesOf(slots, [99], btc, startUs + 2 * dayUs)));
    const before = await seen(lake);
    const state = await lake.open();
    let merges = 0;
    while (await lake.compact()) merges++;
    const after = await seen(lake);
    assert.ok(merges > 0 && after.files['trades']!.length < before.files['trades']!.length);
    assert.deepEqual(after.hashes, before.hashes);
    const merged = await lake.open();
    assert.deepEqual([merged.positions, checkpointOf(merged)], [state.positions, checkpointOf(state)]);
    assert.deepEqual(await idsOf(lake), [2, 4, 6, 99]);
    assert.deepEqual(await idsOf(lake, eth), [1, 3, 5]);
  },
  'files that a reader was given stay, as they were, through merges, replaced rows and sweeps of the kept versions':
    async (under) => {
      const { lake } = under;
      const slots = new Slots();
      await lake.open();
      for (let count = 1; count <= 4; count++) {
        await lake.commit(commitAt(count, slots, tradesOf(slots, [count]), gapOf(slots, startUs, 1, 'open')));
      }
      const reader = await under.openReader();
      const pinned = await pathsOf(reader, 'trades', 'gaps');
      await lake.commit(
        commitAt(5, slots, tradesOf(slots, [9], btc, startUs + 2 * dayUs), gapOf(slots, startUs, 1, 'repaired')),
      );
      const at = (await lake.state()).version - 1;
      const version = async () => (await lake.state()).version;
      while (await lake.compact());
      const replacedAt = await version();
      for (let turn = 0; turn < 3; turn++) await lake.sweep();
      assert.ok((await version()) - at <= under.keptVersions, 'the version is still kept');
      assert.deepEqual(pinned.filter((path) => !under.isThere(path)), []); // biome-ignore format: one question
      const current = new Set(await pathsOf(lake, 'trades', 'gaps'));
      const replaced = pinned.filter((path) => !current.has(path));
      assert.ok(replaced.length >= 5, `${replaced.length} of ${pinned.length} were replaced`);
      for (let count = 6; (await version()) <= replacedAt + under.keptVersions; count++) {
        await lake.commit(commitAt(count, slots));
      }
      await lake.commit(commitAt(99, slots));
      for (let turn = 0; turn < 2; turn++) await lake.sweep();
      assert.deepEqual(replaced.filter((path) => under.isThere(path)), []); // biome-ignore format: one question
      assert.deepEqual(await idsOf(lake), [1, 2, 3, 4, 9]);
      assert.equal(checkpointOf(await lake.open()), '99');
    },
  'what a failed commit left behind is swept, and nothing else': async (under) => {
    const { lake } = under;
    const slots = new Slots();
    await lake.open();
    await lake.commit(commitAt(1, slots, tradesOf(slots, [1])));
    under.failWrite(2);
    await assert.rejects(lake.commit(commitAt(2, slots, tradesOf(slots, [2]))));
    under.failWrite(undefined);
    const before = await seen(lake);
    const removed = (await lake.sweep()) + (await lake.sweep());
    assert.ok(removed > 0);
    assert.equal(await lake.sweep(), 0);
    assert.deepEqual(await seen(lake), before);
    assert.deepEqual(await idsOf(lake), [1]);
  },
  'content hashes do not depend on commits, their order, merges, scales or receive times': async (under) => {
    const { lake } = under;
    await lake.open();
    const slots = new Slots();
    await lake.commit(
      commitAt(1, slots, tradesOf(slots, range(0, 30)), tradesOf(slots, []), gapOf(slots, startUs, 1, 'open')),
    );
    const whole = await lake.contentHashes(['trades']);
    assert.equal(whole[0]?.rows, 30);
    const other = new Slots();
    // Wider scales: the same values in other integers.
    const wide = other.atLeast(eth, 4, 8).index;
    const parts: Batch[] = [];
    for (let first = 25; first >= 0; first -= 5) {
      const part = tradesOf(slots, range(first, 5)) as unknown as Batch<typeof trades.columns>;
      part.slot.fill(wide, 0, part.length);
      for (let row = 0; row < part.length; row++) {
        part.columns.price[row]! *= 100;
        part.columns.quantity[row]! *= 1000;
        part.columns.received_at[row] = startUs + 12345 + first;
      }
      parts.push(part as unknown as Batch);
    }
    for (const [at, part] of parts.entries()) await lake.commit(commitAt(at + 2, other, part));
    const late = tradesOf(other, [5000], eth, startUs + 2 * dayUs);
    await lake.commit(commitAt(9, other, late));
    const ofEth = async () => (await lake.contentHashes(['trades'])).find((one) => one.symbol === eth.symbol);
    assert.equal((await ofEth())?.sha256, whole[0]?.sha256);
    while (await lake.compact());
    assert.equal((await ofEth())?.sha256, whole[0]?.sha256);
  },
  'content hashes depend on every value that the venue gave': async ({ lake }) => {
    await lake.open();
    const slots = new Slots();
    const hashes = new Set<string>();
    const content = Object.entries(trades.columns).filter(([, column]) => 'content' in column);
    for (const [at, [name]] of [['', {}] as const, ...content].entries()) {
      const symbol = `S${at}`;
      const batch = tradesOf(slots, [1, 2], { ...btc, symbol });
      const column = (batch.columns as unknown as Record<string, Float64Array>)[name];
      if (column !== undefined) column[1] = name.startsWith('is_') || name.startsWith('buyer') ? 1 - column[1]! : column[1]! + 1;
      await lake.commit(commitAt(at, slots, batch));
      hashes.add((await lake.contentHashes(['trades'])).find((one) => one.symbol === symbol)!.sha256);
    }
    assert.equal(hashes.size, content.length + 1);
  }, // biome-ignore format: as above
  'a row that is there twice fails the content hashes by name': async ({ lake }) => {
    await lake.open();
    const slots = new Slots();
    await lake.commit(commitAt(1, slots, tradesOf(slots, [1, 2])));
    await lake.commit(commitAt(2, slots, tradesOf(slots, [2, 3])));
    await assert.rejects(lake.contentHashes(['trades']), { code: 'duplicate-rows' });
  },
  'rows come back exact and in order, cut by time, id and number, whatever scales they were written at': async ({
    lake,
  }) => {
    await lake.open();
    const slots = new Slots();
    const batch = tradesOf(slots, [3, 1, 2]) as unknown as Batch<typeof trades.columns>;
    batch.slot[2] = slots.exactly(btc, 0, 0).index;
    batch.columns.price[2] = Number.MAX_SAFE_INTEGER;
    await lake.commit(commitAt(1, slots, batch as unknown as Batch));
    await lake.commit(commitAt(2, slots, tradesOf(slots, [4, 5])));
    assert.deepEqual(await rowsOf(lake), ['1 1000.01', '2 9007199254740991', '3 1000.03', '4 1000.04', '5 1000.05']);
    assert.deepEqual(await idsOf(lake, btc, { limit: 2, newestFirst: true }), [5, 4]);
    assert.deepEqual(await idsOf(lake, btc, { limit: 2 }), [1, 2]);
    assert.deepEqual(await idsOf(lake, btc, { fromUs: startUs + 2000, toUs: startUs + 4000 }), [2, 3]);
    assert.deepEqual(await idsOf(lake, btc, { idColumn: 'trade_id', beforeId: 3 }), [1, 2]);
    assert.deepEqual(await idsOf(lake, eth), []);
  },
  'what an earlier version held can be asked for by its number or an instant, as long as it is kept': async ({
    lake,
  }) => {
    await lake.open();
    const slots = new Slots();
    for (let count = 1; count <= 3; count++) await lake.commit(commitAt(count, slots, tradesOf(slots, [count])));
    const { committedAtUs } = await lake.state();
    const filesAsOf = async (asOf: AsOf) => {
      const { catalogVersion, files } = await lake.files(asOf);
      return [catalogVersion, files['trades']!.length];
    };
    assert.deepEqual(await filesAsOf({ version: 2 }), [2, 2]);
    assert.deepEqual(await filesAsOf({ atUs: committedAtUs }), [3, 3]);
    assert.deepEqual(await filesAsOf({ atUs: committedAtUs - 86_400e6 }), [0, 0]);
    await assert.rejects(lake.files({ version: 4 }), { code: 'no-such-version', message: /versions 0 to 3 are kept/ });
  },
  'a table that is not declared is refused by name': async ({ lake }) => {
    await lake.open();
    await assert.rejects(lake.read({ table: 'no_table', market: 'spot', symbol: 'A' }), { code: 'no-such-table' });
    await assert.rejects(lake.contentHashes(['no_table']), { code: 'no-such-table' });
  },
  'a day of a computed table takes the place of the one before, whole, and compactions leave it alone': async (
    under,
  ) => {
    const { lake } = under;
    await lake.open();
    const slots = new Slots();
    const day = { table: 'computed', market: 'spot', date: '2026-01-02', minTimeUs: 1, maxTimeUs: 9 };
    const computed = { ...day, symbol: 'BTCUSDT', inputVersion: 1, codeHash: 'aa' };
    const make = async (ids: number[]) => {
      const localPath = under.path(`computed-${ids.join('-')}.parquet`);
      await lake.writeTail(tradesOf(slots, ids), slots, localPath);
      return { ...day, localPath, rows: ids.length, rowsChanged: [{ ...day, symbol: 'BTCUSDT' }] };
    };
    await lake.commit(commitAt(1, slots, tradesOf(slots, [1])));
    assert.equal(await lake.replaceDays([await make([1, 2])], [computed]), 2);
    const [first] = await pathsOf(lake, 'computed');
    assert.ok(first !== undefined && under.isThere(first));
    assert.equal(await lake.replaceDays([await make([1, 2, 3])], [{ ...computed, inputVersion: 2 }]), 3);
    const second = await pathsOf(lake, 'computed');
    assert.deepEqual([second.length, (await pathsOf(lake, 'trades')).length], [1, 1]);
    assert.notEqual(second[0], first);
    assert.ok(under.isThere(first), 'a query of the version before still reads it');
    while (await lake.compact());
    assert.deepEqual(await pathsOf(lake, 'computed'), second);
    const none = { ...day, localPath: undefined, rows: 0, rowsChanged: [] };
    await lake.replaceDays([none]);
    assert.deepEqual(
      (await lake.state()).files.filter(({ table }) => table === 'computed'),
      [],
    );
    await assert.rejects(lake.replaceDays([{ ...none, table: 'trades' }]), { code: 'no-computed-table' });
  },
  'a tail is a file beside the lake, not in it': async (under) => {
    await under.lake.open();
    const slots = new Slots();
    await under.lake.commit(commitAt(1, slots, tradesOf(slots, [1])));
    const before = await seen(under.lake);
    const path = under.path('tail.parquet');
    await under.lake.writeTail(tradesOf(slots, [2]), slots, path);
    assert.ok(under.isThere(path));
    assert.deepEqual(await seen(under.lake), before);
    await under.lake.sweep();
    await under.lake.sweep();
    assert.ok(under.isThere(path));
  },
  'texts come back as given, whatever they hold': async ({ lake }) => {
    await lake.open();
    const slots = new Slots();
    const details = [`it's`, '"quoted"', 'a\nb\tc', '\\', '', '币安 🙂', '\u0001', '-- ; DROP TABLE trades'];
    const batch = new Batch(findings, 2);
    for (const [at, detail] of details.entries()) {
      const row = batch.add(slots.atLeast(btc, 0, 0).index);
      const columns = batch.columns;
      columns.found_at[row] = startUs;
      columns.writer[row] = 'recorder';
      columns.sequence[row] = at;
      columns.code[row] = 'bad-frame';
      columns.stream[row] = '';
      columns.detail[row] = detail;
    }
    await lake.commit(commitAt(1, slots, batch as unknown as Batch));
    const read = await lake.read({ table: 'findings', market: btc.market, symbol: btc.symbol });
    const columns = read.batch.columns as unknown as Batch<typeof findings.columns>['columns'];
    const found = range(0, read.batch.length).map((row) => [columns.sequence[row], columns.detail[row]] as const);
    assert.deepEqual(
      found.sort(([a], [b]) => a! - b!).map(([, detail]) => detail),
      details,
    );
  },
};

/** Runs every promise on a fresh lake. */
export function lakeContract(
  name: string,
  open: (t: TestContext) => Promise<LakeUnderTest>,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
