import { TidemarkError } from '../../domain/error.ts';
import type { Instrument, Market } from '../../domain/instrument.ts';
import { instrumentId } from '../../domain/instrument.ts';
import { dayUs } from '../../domain/interval.ts';
import { nearestWord } from '../../domain/nearest-word.ts';
import type { DataKind } from '../../domain/state.ts';
import type { TableSpec } from '../../domain/table.ts';
import { sqlText } from '../../domain/table-sql.ts';
import { tableNamed, tables } from '../../domain/tables/index.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { CatalogState, DataFile } from '../../ports/catalog.ts';
import type { Lake } from '../../ports/lake.ts';
import type { TableExporter } from '../../ports/table-exporter.ts';
import type { ResultColumn, Warehouse } from '../../ports/warehouse.ts';
import type { World } from '../../ports/world.ts';

export const exportFormats = ['parquet', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportParts {
  readonly lake: Lake;
  readonly blobs: BlobStore;
  readonly warehouse: Warehouse;
  readonly exporter: TableExporter;
  readonly world: Pick<World, 'clock' | 'files'>;
  readonly dataKind: DataKind;
  readonly version: string;
}

export interface ExportRequest {
  readonly table: string;
  readonly instrument?: Instrument;
  /** [fromUs, toUs) of the table's time column; without them all that there is. */
  readonly fromUs?: number;
  readonly toUs?: number;
  readonly format: ExportFormat;
  /** Absolute; made where it is missing. */
  readonly folder: string;
}

export interface ExportedGap {
  readonly instrument: string;
  readonly stream: string;
  readonly fromId: number | null;
  readonly toId: number | null;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly state: string;
  readonly reason: string;
}

/** What an exported file holds and what it lacks: the file `NAME.manifest.json` beside it. */
export interface ExportManifest {
  readonly formatVersion: 1;
  readonly table: string;
  readonly instrument: string | null;
  /** ISO 8601; null where the export has no such end. */
  readonly from: string | null;
  readonly to: string | null;
  readonly file: {
    readonly name: string;
    readonly format: ExportFormat;
    readonly rows: number;
    readonly bytes: number;
    readonly sha256: string;
    readonly columns: readonly ResultColumn[];
  };
  readonly dataKind: DataKind;
  readonly catalogVersion: number;
  /** No gap of the streams that the rows come from is open or declared in the range. */
  readonly isWhole: boolean;
  readonly gaps: readonly ExportedGap[];
  readonly gapsLeftOut: boolean;
  readonly madeAt: string;
  readonly version: string;
}

/** Streams whose gaps are holes in a table's rows. */
const streamsOf: Readonly<Record<string, readonly string[]>> = {
  trades: ['trade'],
  agg_trades: ['agg-trade'],
  book_deltas: ['depth'],
  book_snapshots: ['depth'],
  book_tickers: ['book-ticker'],
  tickers: ['ticker'],
  venue_candles: ['kline'],
};
const tradeStreams = ['trade', 'agg-trade'];
const mostGaps = 1000;
/** Nothing existed there to be held. */
const noLoss = new Set(['venue-closed', 'off-book']);

/**
 * Committed rows of a table as one file with its manifest. Both are there whole or the old ones stay; the manifest comes
 * last, so a file that it names is whole. The same rows make the same bytes.
 */
export async function exportTable(
  parts: ExportParts,
  request: ExportRequest,
  signal?: AbortSignal,
): Promise<ExportManifest> {
  const { files } = parts.world;
  const state = await parts.lake.state();
  const spec = tableOf(request, state);
  checkRange(request, spec);
  const wanted = state.files.filter((file) => isWanted(file, request, spec));
  if (wanted.length === 0) throw nothingThere(request);
  files.makeFolder(request.folder);
  const name = fileName(request);
  const path = `${request.folder}/${name}`;
  const partial = `${request.folder}/.${name}.partial`;
  const { instrument, fromUs, toUs, format, table } = request;
  const paths: string[] = [];
  for (const file of wanted) {
    signal?.throwIfAborted();
    paths.push(await parts.blobs.localPath(file.name));
  }
  if (files.exists(partial)) files.remove(partial);
  const written = await parts.exporter.write(
    {
      table,
      paths,
      order: spec?.order ?? [],
      format,
      localPath: partial,
      ...(instrument === undefined ? {} : { market: instrument.market, symbol: instrument.symbol }),
      ...(spec === undefined ? {} : { timeColumn: spec.timeColumn }),
      ...(fromUs === undefined ? {} : { fromUs }),
      ...(toUs === undefined ? {} : { toUs }),
    },
    signal,
  );
  try {
    if (written.rows === 0) throw nothingThere(request);
    const gaps = await gapsOf(parts, state, request);
    const manifest: ExportManifest = {
      formatVersion: 1,
      table,
      instrument: instrument === undefined ? null : instrumentId(instrument),
      from: isoOrNull(fromUs),
      to: isoOrNull(toUs),
      file: { name, format, ...written },
      dataKind: parts.dataKind,
      catalogVersion: state.version,
      isWhole: gaps.rows.every(({ state: at, reason }) => at === 'repaired' || noLoss.has(reason)) && !gaps.isCut,
      gaps: gaps.rows,
      gapsLeftOut: gaps.isCut,
      madeAt: iso(parts.world.clock.wallUs()),
      version: parts.version,
    };
    publish(parts.world.files, request.folder, name, partial, path, manifest);
    return manifest;
  } catch (error) {
    if (files.exists(partial)) files.remove(partial);
    throw error;
  }
}

function nothingThere({ table }: ExportRequest): TidemarkError {
  return new TidemarkError('not-found', {
    doing: 'export',
    what: table,
    why: 'it has no committed rows there',
    now: 'widen the range, or wait for the next commit',
  });
}

function publish(
  files: World['files'],
  folder: string,
  name: string,
  partial: string,
  path: string,
  manifest: ExportManifest,
): void {
  const manifestPath = `${folder}/${name}.manifest.json`;
  try {
    // An old manifest would name the bytes of the new file wrongly.
    if (files.exists(manifestPath) && !namesSame(files.read(manifestPath), manifest)) files.remove(manifestPath);
    files.rename(partial, path);
    files.syncFolder(folder);
    files.writeAtomic(manifestPath, new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`));
  } catch (cause) {
    const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as { code?: string }).code ?? '');
    throw new TidemarkError(isFull ? 'disk-full' : 'export-failed', {
      doing: 'publish the export',
      what: name,
      ...(isFull ? { why: 'the disk is full', now: 'free space on it and ask again', retry: 'later' as const } : {}),
      cause,
    });
  }
}

function namesSame(bytes: Uint8Array, manifest: ExportManifest): boolean {
  try {
    const known = JSON.parse(new TextDecoder().decode(bytes)) as ExportManifest;
    return known.file.sha256 === manifest.file.sha256;
  } catch {
    return false;
  }
}

/** The declared table; undefined for a computed one, which the lake knows by its files. */
function tableOf({ table }: ExportRequest, state: CatalogState): TableSpec | undefined {
  const spec = tableNamed(table);
  if (spec !== undefined) return spec;
  const names = [...new Set([...tables.map(({ name }) => name), ...state.files.map((file) => file.table)])];
  if (names.includes(table)) return undefined;
  const near = nearestWord(table, names);
  throw new TidemarkError('unknown-table', {
    doing: 'export',
    what: JSON.stringify(table.slice(0, 80)),
    why: 'there is no such table',
    now: near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`,
  });
}

function checkRange({ table, fromUs, toUs }: ExportRequest, spec: TableSpec | undefined): void {
  const bad = (why: string, now: string) => new TidemarkError('bad-query', { doing: 'export', what: table, why, now });
  if (fromUs !== undefined && toUs !== undefined && fromUs >= toUs) {
    throw bad('the range is empty', 'give a from before to');
  }
  const isWholeDays = [fromUs, toUs].every((atUs) => atUs === undefined || atUs % dayUs === 0);
  if (spec === undefined && !isWholeDays) {
    throw bad('a computed table is kept by day', 'give the range in whole UTC days');
  }
}

function isWanted(
  file: DataFile,
  { table, instrument, fromUs, toUs }: ExportRequest,
  spec: TableSpec | undefined,
): boolean {
  if (file.table !== table) return false;
  if (instrument !== undefined && file.market !== instrument.market) return false;
  const startUs = Date.parse(`${file.date}T00:00:00Z`) * 1000;
  const [firstUs, lastUs] = spec === undefined ? [startUs, startUs + dayUs - 1] : [file.minTimeUs, file.maxTimeUs];
  return (fromUs === undefined || lastUs >= fromUs) && (toUs === undefined || firstUs < toUs);
}

/** `trades-spot-BTCUSDT-2026-03-09.parquet`, `candles-20260309T120000Z-20260309T130000Z.csv`, `gaps-all.csv` */
function fileName({ table, instrument, fromUs, toUs, format }: ExportRequest): string {
  const subject = instrument === undefined ? [] : [instrument.market, instrument.symbol];
  const isDay = fromUs !== undefined && toUs === fromUs + dayUs && fromUs % dayUs === 0;
  const range = isDay
    ? [iso(fromUs).slice(0, 10)]
    : fromUs === undefined && toUs === undefined
      ? ['all']
      : [fromUs === undefined ? 'start' : compact(fromUs), toUs === undefined ? 'now' : compact(toUs)];
  return `${[table, ...subject, ...range].join('-')}.${format}`;
}

async function gapsOf(
  { warehouse, blobs }: ExportParts,
  state: CatalogState,
  { table, instrument, fromUs, toUs }: ExportRequest,
): Promise<{ rows: readonly ExportedGap[]; isCut: boolean }> {
  const paths: string[] = [];
  for (const file of state.files) if (file.table === 'gaps') paths.push(await blobs.localPath(file.name));
  if (paths.length === 0) return { rows: [], isCut: false };
  const streams = streamsOf[table] ?? tradeStreams;
  const where = [`stream IN (${streams.map(sqlText).join(', ')})`];
  if (instrument !== undefined) {
    where.push(`market = ${sqlText(instrument.market)}`, `symbol = ${sqlText(instrument.symbol)}`);
  }
  if (toUs !== undefined) where.push(`opened_at < make_timestamptz(${toUs}::BIGINT)`);
  if (fromUs !== undefined) where.push(`(closed_at IS NULL OR closed_at > make_timestamptz(${fromUs}::BIGINT))`);
  const sql = `SELECT market, symbol, stream, from_id, to_id, opened_at, closed_at, state, reason FROM gaps
    WHERE ${where.join(' AND ')} ORDER BY opened_at, market, symbol, stream, from_id`;
  const tablesAt = { catalogVersion: state.version, files: { gaps: paths }, replacing: {} };
  const answer = await warehouse.query(sql, tablesAt, { maxRows: mostGaps, timeoutMs: 60_000, memoryMb: 512 });
  const idOf = (text: string | null | undefined) => (text == null || text === '-1' ? null : Number(text));
  return {
    isCut: answer.truncated,
    rows: answer.rows.map(([market, symbol, stream, fromId, toId, openedAt, closedAt, at, reason]) => ({
      instrument: instrumentId({ venue: 'binance', market: market as Market, symbol: symbol! }),
      stream: stream!,
      fromId: idOf(fromId),
      toId: idOf(toId),
      openedAt: openedAt!,
      closedAt: closedAt ?? null,
      state: at!,
      reason: reason!,
    })),
  };
}

function iso(atUs: number): string {
  return new Date(atUs / 1000).toISOString();
}

function isoOrNull(atUs: number | undefined): string | null {
  return atUs === undefined ? null : iso(atUs);
}

function compact(atUs: number): string {
  return `${iso(atUs).slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}
