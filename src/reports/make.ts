import { createHash } from 'node:crypto';
import { TidemarkError } from '../domain/error.ts';
import type { DataKind } from '../domain/state.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Lake } from '../ports/lake.ts';
import type { Logger } from '../ports/log.ts';
import type { Printer } from '../ports/printer.ts';
import type { TableFiles } from '../ports/table-files.ts';
import type { Warehouse } from '../ports/warehouse.ts';
import type { Clock } from '../ports/world.ts';
import type { ReportRow } from '../protocol/reports.ts';
import { csvOf, dataTables } from './data-files.ts';
import type { ReportFigures } from './figures.ts';
import { LakeVersion } from './lake-version.ts';
import { reportPage, titleOf } from './page.ts';
import type { ReportWish } from './period.ts';
import { checkedWish, reportId } from './period.ts';
import { readFigures } from './read-figures.ts';
import { heldIds } from './sections.ts';
import type { NewFile, ReportShelf } from './shelf.ts';

/** What reports are made with. */
export interface ReportWorkshop {
  readonly lake: Pick<Lake, 'state'>;
  /** The lake's own, for its files. */
  readonly blobs: BlobStore;
  readonly warehouse: Warehouse;
  readonly tableFiles: TableFiles;
  readonly printer: Printer;
  readonly shelf: ReportShelf;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dataKind: DataKind;
  readonly version: string;
  /** Base64 of a WOFF2 font for the page; the system's own without. */
  readonly font?: string;
}

export interface MakeOptions {
  readonly signal?: AbortSignal;
  /** Part that is done, in [0, 1], and what comes now. */
  readonly onProgress?: (share: number, doing: string) => void;
}

export interface MadeReport {
  readonly report: ReportRow;
  /** False where the newest revision says the same already: then nothing was stored. */
  readonly isNew: boolean;
}

/**
 * Reads, composes and stores a report at the newest catalog version. All of it becomes visible at once, or nothing. What
 * says the same as the newest revision is not stored again. Refuses with `bad-report` or `not-recorded`.
 */
export async function makeReport(
  workshop: ReportWorkshop,
  asked: ReportWish,
  options: MakeOptions = {},
): Promise<MadeReport> {
  const { shelf, printer, clock, version } = workshop;
  const { signal, onProgress = () => undefined } = options;
  const wish = checkedWish(asked);
  const lake = await LakeVersion.newest(workshop.lake, workshop.blobs, workshop.warehouse, signal);
  const figures = await readFigures(lake, {
    wish,
    dataKind: workshop.dataKind,
    onProgress: (share, doing) => onProgress(share * 0.6, doing),
  });
  const contentHash = hashOfFigures(figures);
  const newest = await shelf.newest(wish);
  if (newest !== undefined && newest.contentHash === contentHash) {
    // With a browser since: worth another one, but not under the same version's name.
    const isPaperMissing = newest.pdfAbsence !== null && printer.absence === undefined;
    if (!isPaperMissing || newest.catalogVersion === lake.version) return { report: newest, isNew: false };
  }
  const id = await shelf.freeId(reportId(wish, lake.version));
  const files: NewFile[] = [];
  const tables = dataTables(figures);
  for (const [at, table] of tables.entries()) {
    signal?.throwIfAborted();
    onProgress(0.6 + (0.2 * at) / tables.length, `writing ${table.name}`);
    files.push({ name: `${table.name}.parquet`, bytes: await workshop.tableFiles.parquet(table.columns, table.rows) });
    files.push({ name: `${table.name}.csv`, bytes: Buffer.from(csvOf(table)) });
  }
  const madeAtUs = clock.wallUs();
  const page = reportPage(figures, {
    id,
    version,
    catalogVersion: lake.version,
    contentHash,
    madeAtUs,
    files: tables.flatMap(({ name }) => [`${name}.parquet`, `${name}.csv`]),
    ...(workshop.font === undefined ? {} : { font: workshop.font }),
  });
  onProgress(0.8, 'printing');
  const { pdf, absence } = await printed(workshop, page, id, signal);
  onProgress(0.95, 'storing');
  signal?.throwIfAborted();
  const held = heldIds(figures.streams);
  const manifest = await shelf.publish(
    {
      id,
      kind: wish.kind,
      subject: wish.subject,
      title: titleOf(wish),
      fromUs: wish.fromUs,
      toUs: wish.toUs,
      madeAtUs,
      catalogVersion: lake.version,
      heldIds: held?.ids ?? null,
      expectedIds: held?.of ?? null,
      dataKind: workshop.dataKind,
      state: figures.state,
      contentHash,
      pdfAbsence: absence ?? null,
    },
    [
      { name: 'report.html', bytes: Buffer.from(page) },
      ...(pdf === undefined ? [] : [{ name: 'report.pdf', bytes: pdf }]),
      ...files,
    ],
  );
  await shelf.tidy(madeAtUs);
  onProgress(1, 'done');
  return { report: { ...manifest, sentAtUs: null, isSuperseded: false }, isNew: true };
}

/** A report without paper is still a report: why there is none is said beside it. */
async function printed(
  { printer, log }: ReportWorkshop,
  page: string,
  id: string,
  signal: AbortSignal | undefined,
): Promise<{ pdf?: Uint8Array; absence?: string }> {
  if (printer.absence !== undefined) return { absence: printer.absence };
  try {
    return { pdf: await printer.print(page, signal) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TidemarkError)) throw error;
    log.warn({ err: error, report: id }, 'the report could not be printed');
    return { absence: error.why ?? error.message };
  }
}

/** Equal for figures that say the same, whatever the catalog version and the time. */
function hashOfFigures(figures: ReportFigures): string {
  const text = JSON.stringify(figures, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  return createHash('sha256').update(text).digest('hex');
}
