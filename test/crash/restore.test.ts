import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFolderBlobs } from '../../src/blobs/folder.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import type { Rebuilt } from '../../src/cli/rebuilt-lake.ts';
import { openStores } from '../../src/cli/wire.ts';
import { openShippedJournal } from '../../src/journal/shipped-journal.ts';
import { runTidemark, until } from '../support/processes.ts';
import { compareRestored, restore } from './restored-storm.ts';
import { Storm } from './storm.ts';

/** A store in a folder that can be made to refuse, as a full or unplugged disk does. */
function storeFolder(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-shipped-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const incoming = path.join(folder, '.incoming');
  return {
    folder,
    refuse() {
      rmSync(incoming, { recursive: true, force: true });
      writeFileSync(incoming, 'nothing can be written here');
    },
    accept: () => rmSync(incoming),
  };
}

async function begin(t: TestContext, seed: number) {
  const store = storeFolder(t);
  const storm = await Storm.begin(seed, { shipping: { store: store.folder, maxDelaySeconds: 0.2 } });
  t.after(() => storm.end());
  await storm.settle();
  return { store, storm };
}

/** What `doctor` says of shipping. */
async function doctor(storm: Storm): Promise<string> {
  const { stdout } = await runTidemark(['--config', storm.file, '--json', 'doctor', '--offline']);
  const { checks } = (JSON.parse(stdout) as { data: { checks: { name: string; result: string; detail: string }[] } })
    .data;
  const found = checks.find(({ name }) => name === 'shipping');
  return `${found?.result}: ${found?.detail}`;
}

test('a journal disk is lost while the store refuses: what was not shipped is named, nothing that REST reaches is lost', async (t) => {
  const { store, storm } = await begin(t, 51);
  const shipped = async () => (await storm.status())?.shipping?.journals ?? [];
  const isShipped = async () => {
    const journals = await shipped();
    return journals.length === 2 && journals.every(({ shippedTo }) => (shippedTo?.sequence ?? 0) > 2);
  };
  await until(isShipped, 'the first objects');
  store.refuse();
  // The engine's journal may have nothing to ship just then.
  const isMissed = async () =>
    (await shipped()).some(({ writer, state }) => writer === 'recorder' && state === 'retrying');
  await until(isMissed, 'the store to be missed');
  const unshipped = async () => (await shipped()).find(({ writer }) => writer === 'recorder')!.behindRecords;
  await until(async () => (await unshipped()) > 300, 'records that are not shipped');
  assert.match(
    await doctor(storm),
    /^warn: \d+ records \(\d+ bytes\) of recorder are not shipped, .*cannot write the blob/,
  );
  await storm.killOne(2000);
  await until(async () => (await storm.status())?.lake.catalogVersion !== undefined, 'the engine to be back');
  await storm.killBoth();
  store.accept();

  const layout = layoutOf(storm.config.dataDir, process.cwd());
  const stores = await openStores(layout, { isReadOnly: true, settings: storm.config });
  const { positions } = await stores.lake.state();
  await stores.close();
  const blobs = openFolderBlobs(store.folder);
  const expected = await Promise.all(
    ['recorder', 'engine'].map(async (writer) => {
      const { segment, offset, sequence } = (await openShippedJournal(blobs, writer).end())!;
      const derivedTo = positions.find((position) => position.writer === writer)!;
      return {
        writer,
        shippedTo: { segment, offset, sequence },
        lostRecords: Math.max(0, derivedTo.sequence - sequence),
      };
    }),
  );
  assert.ok(expected[0]!.lostRecords > 100, 'the lake holds rows whose bytes were not shipped');

  assert.match(await doctor(storm), /^pass: \d+ records \(\d+ bytes\) of recorder are not shipped/);
  rmSync(path.dirname(layout.recorderJournal), { recursive: true });
  assert.match(await doctor(storm), /^warn: the store has the journal of the recorder, .*tidemark restore/);
  const commands = ['up', 'record', 'serve'];
  const refusals = await Promise.all(commands.map((name) => runTidemark(['--config', storm.file, '--json', name])));
  for (const { code, stdout, stderr } of refusals) {
    assert.equal(code, 5, stderr);
    assert.match(stdout, /"code":"journal-lost".*tidemark restore/);
  }
  assert.ok(!existsSync(layout.recorderJournal));

  const dry = await restore(storm, '--dry-run');
  assert.equal(dry.code, 0);
  assert.ok(!existsSync(layout.recorderJournal));
  const restored = await restore(storm);
  assert.equal(restored.code, 0, restored.stderr);
  for (const { isDryRun, journals } of [dry.data!, restored.data!]) {
    assert.deepEqual(
      journals.map(({ writer, shippedTo, lost }) => ({ writer, shippedTo, lostRecords: lost?.records ?? 0 })),
      expected,
      isDryRun ? 'dry' : 'done',
    );
  }
  assert.deepEqual(
    restored.data!.journals.flatMap(({ damage }) => damage),
    [],
  );
  const again = await restore(storm);
  assert.deepEqual([again.code, again.error?.code], [5, 'data-folder-used']);
  // One of the two alone comes back, too; the other is left as it is.
  rmSync(layout.engineJournal, { recursive: true });
  const one = await restore(storm);
  assert.deepEqual([one.code, one.data?.journals.map(({ writer }) => writer)], [0, ['engine']], one.stderr);

  storm.startAgain();
  await compareRestored(t, storm);
});

test('the whole data folder is lost: every table is derived anew from what was shipped, and the rest is fetched', async (t) => {
  const { storm } = await begin(t, 52);
  for (let kill = 0; kill < 3; kill++) await storm.killOne(1500);
  const isShipped = async () => {
    const journals = (await storm.status())?.shipping?.journals ?? [];
    return (
      journals.length === 2 && journals.every(({ state, shippedAtUs }) => state === 'shipping' && shippedAtUs !== null)
    );
  };
  await until(isShipped, 'shipping to go on');
  await storm.killBoth();
  const { dataDir } = storm.config;
  renameSync(dataDir, `${dataDir}.lost`);
  mkdirSync(dataDir);
  const { code, data, stderr } = await restore(storm);
  assert.equal(code, 0, stderr);
  assert.equal(data!.catalog, null);
  for (const { shippedTo, derivedTo, lost } of data!.journals) {
    assert.ok(shippedTo !== null && shippedTo.sequence > 2);
    assert.deepEqual([derivedTo, lost], [null, null]);
  }
  storm.startAgain();
  await compareRestored(t, storm);

  // What both machines shipped, one after the other, is one journal.
  const rebuilt = await runTidemark(['--config', storm.file, '--json', 'rebuild', '--shipped']);
  assert.equal(rebuilt.code, 0, rebuilt.stdout + rebuilt.stderr);
  const { days } = (JSON.parse(rebuilt.stdout) as { data: Rebuilt }).data;
  assert.ok(days!.length > 10 && days!.every(({ isEqual, rows }) => isEqual && rows > 0));
});
