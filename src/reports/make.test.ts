import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { instrumentId } from '../domain/instrument.ts';
import { dayUs, hourUs } from '../domain/interval.ts';
import { rowsOf, SqlSession } from '../lake/sql-session.ts';
import type { Printer } from '../ports/printer.ts';
import { makeReport } from './make.ts';
import { dailyWish } from './period.ts';
import { btc, dayStartUs, eth, hostile, usualGaps } from './recorded-day.test-fixture.ts';
import { reportsToRenew } from './renew.ts';
import { openTestWorkshop } from './workshop.test-fixture.ts';

const wish = dailyWish(instrumentId(btc), '2026-03-18');
const day = { fromUs: dayStartUs, toUs: dayStartUs + dayUs + hourUs, gaps: usualGaps, tradeEveryUs: 60_000_000 };

test('a report is stored with its data; made again it is the same one, and after a change a new one replaces it', async (t) => {
  const { workshop, recorded } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }]);
  const first = await makeReport(workshop, wish);
  assert.ok(first.isNew);
  assert.equal(first.report.pdfAbsence, 'there is no browser here');
  assert.deepEqual(
    first.report.files.map(({ name }) => name),
    [
      'report.html',
      ...['candles', 'volume-profile', 'spread', 'depth', 'completeness', 'gaps', 'findings', 'market'].flatMap(
        (name) => [`${name}.parquet`, `${name}.csv`],
      ),
    ],
  );
  // Rows of another day make another version, but no other report.
  await recorded.record({
    ...day,
    instruments: [btc],
    gaps: [],
    fromUs: dayStartUs + 3 * dayUs,
    toUs: dayStartUs + 3 * dayUs + hourUs,
  });
  assert.deepEqual(await makeReport(workshop, wish), {
    report: await workshop.shelf.find(first.report.id),
    isNew: false,
  });
  // A late finding is something to say.
  await recorded.record({
    ...day,
    instruments: [btc],
    hasBooks: false,
    fromUs: dayStartUs,
    toUs: dayStartUs + hourUs,
    seed: 5,
  });
  const third = await makeReport(workshop, wish);
  assert.ok(third.isNew && third.report.id !== first.report.id);
  assert.deepEqual(
    (await workshop.shelf.list()).map(({ id, isSuperseded }) => [id, isSuperseded]),
    [
      [third.report.id, false],
      [first.report.id, true],
    ],
  );
});

test('Parquet, CSV and the page say the same, also of a name that tries to be a formula', async (t) => {
  const { workshop, recorded } = await openTestWorkshop(t, [{ ...day, instruments: [hostile, eth] }]);
  const { report } = await makeReport(workshop, dailyWish(instrumentId(hostile), '2026-03-18'));
  const session = await SqlSession.open({ threads: 1, memoryMb: 256, spillFolder: join(recorded.folder, 'spill') });
  t.after(() => session.close());
  const path = async (name: string) => {
    const file = join(recorded.folder, name);
    writeFileSync(file, (await workshop.shelf.file(report.id, name)).bytes);
    return file;
  };
  for (const name of ['candles', 'volume-profile', 'spread', 'depth', 'completeness', 'gaps', 'market']) {
    const parquet = await path(`${name}.parquet`);
    const csv = await path(`${name}.csv`);
    await session.use(async (connection) => {
      const columns = await rowsOf(connection, `DESCRIBE SELECT * FROM read_parquet('${parquet}')`);
      const types = columns.map(([column, type]) => `'${String(column)}': '${String(type)}'`).join(', ');
      const read = `read_csv('${csv}', header = true, allow_quoted_nulls = false, columns = {${types}})`;
      const [[differing]] = (await rowsOf(
        connection,
        `SELECT count(*) FROM ((SELECT * FROM read_parquet('${parquet}') EXCEPT ALL SELECT * FROM ${read}) UNION ALL (SELECT * FROM ${read} EXCEPT ALL SELECT * FROM read_parquet('${parquet}')))`,
      )) as [[bigint]];
      assert.equal(differing, 0n, name);
      const [[kinds]] = (await rowsOf(
        connection,
        `SELECT count(*) FILTER (WHERE data_kind <> 'simulated') FROM read_parquet('${parquet}')`,
      )) as [[bigint]];
      assert.equal(kinds, 0n, name);
    });
  }
  const csv = Buffer.from((await workshop.shelf.file(report.id, 'findings.csv')).bytes).toString();
  assert.match(csv, /\r\n"?binance:usdm:=X'/);
  const candles = await path('candles.parquet');
  await session.use(async (connection) => {
    const [[rows, type]] = (await rowsOf(
      connection,
      `SELECT count(*), any_value(typeof(close)) FROM read_parquet('${candles}')`,
    )) as [[bigint, string]];
    assert.deepEqual([rows, type], [1440n, 'DECIMAL(38,8)']);
  });
});

test('an abort at any step leaves nothing behind', async (t) => {
  const { workshop } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }]);
  let steps = 0;
  await makeReport({ ...workshop, shelf: (await openTestWorkshop(t, [])).workshop.shelf }, wish, {
    onProgress: () => steps++,
  });
  for (const step of [1, 4, steps - 2, steps - 1]) {
    const stop = new AbortController();
    let seen = 0;
    const onProgress = () => {
      if (++seen === step) stop.abort(new Error(`stopped at ${step}`));
    };
    await assert.rejects(makeReport(workshop, wish, { signal: stop.signal, onProgress }), {
      message: `stopped at ${step}`,
    });
    assert.deepEqual(await workshop.shelf.list(), []);
  }
});

test('a store that is full stores nothing, and the report is made when there is room', async (t) => {
  let isFull = true;
  const { workshop } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }], {
    wrapStore: (blobs) =>
      new Proxy(blobs, {
        get: (target, name) => {
          if (name === 'put') {
            return async (blob: string, bytes: Uint8Array) => {
              if (isFull && blob.endsWith('report.json'))
                throw new TidemarkError('disk-full', { doing: 'write', what: blob, retry: 'later' });
              await target.put(blob, bytes);
            };
          }
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
  });
  await assert.rejects(
    makeReport(workshop, wish),
    (error: unknown) => error instanceof TidemarkError && error.code === 'disk-full' && error.retry === 'later',
  );
  assert.deepEqual(await workshop.shelf.list(), []);
  isFull = false;
  assert.ok((await makeReport(workshop, wish)).isNew);
});

test('a report whose paper failed is stored and says why; with a browser it is made anew once', async (t) => {
  const failing: Printer = {
    absence: undefined,
    print: async () => {
      throw new TidemarkError('print-failed', { doing: 'print', why: 'the browser ended with SIGSEGV' });
    },
  };
  const { workshop, recorded } = await openTestWorkshop(t, [{ ...day, instruments: [btc] }], { printer: failing });
  const { report } = await makeReport(workshop, wish);
  assert.equal(report.pdfAbsence, 'the browser ended with SIGSEGV');
  const printing: Printer = { absence: undefined, print: async () => Buffer.from('%PDF-1.4') };
  assert.equal(
    (await makeReport({ ...workshop, printer: printing }, wish)).isNew,
    false,
    'the same version has its name already',
  );
  await recorded.record({
    ...day,
    instruments: [btc],
    gaps: [],
    fromUs: dayStartUs + 3 * dayUs,
    toUs: dayStartUs + 3 * dayUs + hourUs,
  });
  const again = await makeReport({ ...workshop, printer: printing }, wish);
  assert.deepEqual(
    [again.isNew, again.report.pdfAbsence, again.report.contentHash === report.contentHash],
    [true, null, true],
  );
  assert.equal((await makeReport({ ...workshop, printer: printing }, wish)).isNew, false);
});

test('a lake that counts its versions anew writes over no report', async (t) => {
  const old = await openTestWorkshop(t, [{ ...day, instruments: [btc], seed: 1 }]);
  const { report } = await makeReport(old.workshop, wish);
  const rebuilt = await openTestWorkshop(t, [{ ...day, instruments: [btc], seed: 2 }]);
  const { report: other, isNew } = await makeReport(
    { ...rebuilt.workshop, shelf: old.workshop.shelf, clock: old.workshop.clock },
    wish,
  );
  assert.deepEqual([isNew, other.id], [true, `${report.id}-2`]);
  const rows = await old.workshop.shelf.list();
  assert.deepEqual(
    rows.map(({ id, isSuperseded }) => [id, isSuperseded]),
    [
      [other.id, false],
      [report.id, true],
    ],
  );
});

test('only reports that a change touches are renewed', async (t) => {
  const { workshop, recorded } = await openTestWorkshop(t, [{ ...day, instruments: [btc, eth] }]);
  const { report: ofBtc } = await makeReport(workshop, wish);
  await makeReport(workshop, dailyWish(instrumentId(eth), '2026-03-18'));
  const renewed = async (): Promise<string[]> => {
    const { openSqliteCatalog } = await import('../catalog/sqlite.ts');
    const catalog = await openSqliteCatalog(join(recorded.folder, 'catalog.sqlite'));
    try {
      return (await reportsToRenew({ shelf: workshop.shelf, catalog }, 0)).map(({ wish: { subject } }) => subject);
    } finally {
      await catalog.close();
    }
  };
  assert.deepEqual(await renewed(), []);
  await recorded.record({
    ...day,
    instruments: [btc, eth],
    gaps: [],
    fromUs: dayStartUs + 3 * dayUs,
    toUs: dayStartUs + 3 * dayUs + hourUs,
  });
  assert.deepEqual(await renewed(), []);
  await recorded.record({
    instruments: [btc],
    gaps: [],
    hasBooks: false,
    seed: 9,
    fromUs: dayStartUs + 2 * hourUs,
    toUs: dayStartUs + 3 * hourUs,
  });
  assert.deepEqual(await renewed(), [ofBtc.subject]);
});
