import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { openFolderBlobs } from '../blobs/folder.ts';
import { TidemarkError } from '../domain/error.ts';
import { dayUs } from '../domain/interval.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import { reportId } from './period.ts';
import type { Manifest, NewFile } from './shelf.ts';
import { ReportShelf } from './shelf.ts';

function newStore(t: TestContext): { folder: string; blobs: BlobStore } {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-shelf-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, blobs: openFolderBlobs(folder) };
}

function manifestOf(version: number, others: Partial<Manifest> = {}): Omit<Manifest, 'files'> {
  const place = { kind: 'daily', subject: 'market', fromUs: 0, toUs: dayUs, ...others } as const;
  return {
    id: reportId(place, version),
    title: 'a report',
    madeAtUs: version,
    catalogVersion: version,
    heldIds: null,
    expectedIds: null,
    dataKind: 'simulated',
    state: 'final',
    contentHash: 'ab',
    pdfAbsence: null,
    ...place,
    ...others,
  };
}

const files: NewFile[] = ['report.html', 'candles.csv', 'candles.parquet'].map((name) => ({
  name,
  bytes: Buffer.from(name),
}));
const hasCode = (code: string) => (error: unknown) => error instanceof TidemarkError && error.code === code;

test('a report that was removed is gone with its files, and the one before stands again', async (t) => {
  const { folder, blobs } = newStore(t);
  const shelf = new ReportShelf(blobs);
  for (const version of [1, 2]) await shelf.publish(manifestOf(version), files);
  const [newest] = await shelf.list();
  await shelf.markSent(newest!.id, { messageId: 'm', to: [] });
  await shelf.remove(newest!.id);
  assert.deepEqual((await shelf.list()).map((row) => [row.catalogVersion, row.isSuperseded]), [[1, false]]); // biome-ignore format: one question
  await assert.rejects(shelf.file(newest!.id, 'report.html'), hasCode('not-found'));
  assert.equal(readdirSync(join(folder, 'reports'), { recursive: true }).filter((name) => String(name).startsWith(newest!.id) && /\./.test(String(name))).length, 0); // biome-ignore format: one question
  await shelf.remove('not-there');
});

test('of one place the newest revision stands and the others are superseded', async (t) => {
  const shelf = new ReportShelf(newStore(t).blobs);
  for (const version of [1, 3, 2]) await shelf.publish({ ...manifestOf(version), madeAtUs: version * 10 }, files);
  await shelf.publish(manifestOf(9, { subject: 'binance:spot:BTCUSDT' }), files);
  const rows = await shelf.list();
  assert.deepEqual(
    rows.map(({ catalogVersion, isSuperseded }) => [catalogVersion, isSuperseded]),
    [
      [3, false],
      [2, true],
      [1, true],
      [9, false],
    ],
  );
  assert.deepEqual((await shelf.list({ subject: 'market', kind: 'daily' })).length, 3);
  assert.deepEqual(await shelf.list({ kind: 'weekly' }), []);
});

test('wherever the store fails, nothing half made is listed, and the same report can be made again', async (t) => {
  for (let failAt = 1; failAt <= files.length + 1; failAt++) {
    const { blobs } = newStore(t);
    let puts = 0;
    const failing: BlobStore = {
      ...bound(blobs),
      put: async (name, bytes) => {
        puts++;
        if (puts === failAt) throw new TidemarkError('disk-full', { doing: 'write', what: name, retry: 'later' });
        await blobs.put(name, bytes);
      },
    };
    const shelf = new ReportShelf(failing);
    await assert.rejects(shelf.publish(manifestOf(4), files), hasCode('disk-full'));
    assert.deepEqual(await shelf.list(), []);
    const left: string[] = [];
    for await (const { name } of blobs.list('reports/')) left.push(name);
    assert.deepEqual(left, []);
    await shelf.publish(
      { ...manifestOf(4), madeAtUs: 99 },
      files.map(({ name }) => ({ name, bytes: Buffer.from(`other ${name}`) })),
    );
    assert.equal((await shelf.list()).length, 1);
  }
});

test('what a killed process left half made is never listed, does not hinder, and goes after a day', async (t) => {
  const { blobs } = newStore(t);
  const { id } = manifestOf(5);
  await blobs.put(`reports/${id}/report.html`, Buffer.from('half'));
  await blobs.put('reports/daily-elsewhere-r1/report.html', Buffer.from('half'));
  const shelf = new ReportShelf(blobs);
  assert.deepEqual(await shelf.list(), []);
  await shelf.publish(manifestOf(5), files);
  assert.equal(Buffer.from((await shelf.file(id, 'report.html')).bytes).toString(), 'report.html');
  let newestUs = 0;
  for await (const { storedAtUs } of blobs.list('reports/')) newestUs = Math.max(newestUs, storedAtUs);
  assert.equal(await shelf.tidy(newestUs + dayUs - 1_000_000), 0);
  assert.equal(await shelf.tidy(newestUs + dayUs + 1_000_000), 1);
  assert.equal((await shelf.list()).length, 1);
});

test('a report that is there is never written over', async (t) => {
  const shelf = new ReportShelf(newStore(t).blobs);
  await shelf.publish(manifestOf(6), files);
  await assert.rejects(
    shelf.publish(manifestOf(6), [{ name: 'report.html', bytes: Buffer.from('x') }]),
    hasCode('report-exists'),
  );
  assert.equal((await shelf.file(manifestOf(6).id, 'candles.csv')).bytes.byteLength, 11);
});

test('a file that changed on the disk is refused, not served', async (t) => {
  const { folder, blobs } = newStore(t);
  const shelf = new ReportShelf(blobs);
  const { id } = await shelf.publish(manifestOf(7), files);
  writeFileSync(join(folder, 'reports', id, 'candles.csv'), 'candles.csw');
  await assert.rejects(shelf.file(id, 'candles.csv'), hasCode('report-damaged'));
});

test('no name leads out of a report, and no manifest of a stranger is believed', async (t) => {
  const { folder, blobs } = newStore(t);
  const shelf = new ReportShelf(blobs);
  const { id } = await shelf.publish(manifestOf(8), files);
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  for (const [report, name] of [
    [id, '../../secret.txt'],
    [id, 'report.json'],
    [id, ''],
    ['..', 'secret.txt'],
    ['../reports', 'secret.txt'],
    ['', 'secret.txt'],
    ['%2e%2e', 'secret.txt'],
  ] as const) {
    await assert.rejects(shelf.file(report, name), hasCode('not-found'), `${report} ${name}`);
  }
  await blobs.put('reports/foreign/report.json', Buffer.from('{"id":"other","files":[]}'));
  await blobs.put('reports/broken/report.json', Buffer.from('{'));
  assert.deepEqual(
    (await shelf.list()).map((row) => row.id),
    [id],
  );
});

test('that a report was sent stands beside it', async (t) => {
  const shelf = new ReportShelf(newStore(t).blobs);
  const { id } = await shelf.publish(manifestOf(2), files);
  assert.equal((await shelf.find(id)).sentAtUs, null);
  await shelf.markSent(id, { messageId: 'a@b', to: ['c@d'] });
  await shelf.markSent(id, { messageId: 'a@b', to: ['c@d'] });
  assert.ok((await shelf.find(id)).sentAtUs! > 0);
  assert.equal((await shelf.list()).length, 1);
});

test('every subject makes a name that the store takes, and different subjects make different names', async (t) => {
  const { folder, blobs } = newStore(t);
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
      fc.string({ minLength: 1, maxLength: 20 }),
      async (a, b) => {
        const id = (symbol: string) =>
          reportId({ kind: 'daily', subject: `binance:spot:${symbol}`, fromUs: 0, toUs: dayUs }, 1);
        assert.match(id(a), /^[A-Za-z0-9=-]+$/);
        if (a !== b && ![a, b].some((symbol) => /[:-]/.test(symbol))) assert.notEqual(id(a), id(b));
        await blobs.replace(`reports/${id(a)}/x`, Buffer.from('x'));
      },
    ),
    { numRuns: 40 },
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => !name.startsWith('.')),
    ['reports'],
  );
});

/** Its methods, so that some can be replaced. */
function bound(blobs: BlobStore): BlobStore {
  return {
    put: (name, bytes) => blobs.put(name, bytes),
    putFile: (name, path) => blobs.putFile(name, path),
    replace: (name, bytes) => blobs.replace(name, bytes),
    get: (name) => blobs.get(name),
    stream: (name) => blobs.stream(name),
    localPath: (name) => blobs.localPath(name),
    list: (prefix) => blobs.list(prefix),
    remove: (name) => blobs.remove(name),
    location: (name) => blobs.location(name),
    close: () => blobs.close(),
  };
}
