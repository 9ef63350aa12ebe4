// Reports as the API gives them. Instants are integer µs since 1970 UTC.
import type { DataKind } from '../domain/state.ts';

export const reportKinds = ['daily', 'weekly', 'range'] as const;
export type ReportKind = (typeof reportKinds)[number];

/**
 * `provisional` until its range is over and settled: a later report replaces it. `partial`: something in it is missing and
 * declared. `final`: all that the recorded streams had is held.
 */
export const reportStates = ['provisional', 'partial', 'final'] as const;
export type ReportState = (typeof reportStates)[number];

export interface ReportFile {
  /** `report.html`, `report.pdf`, `candles.parquet`, `candles.csv` … */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ReportRow {
  /** `daily-2026-03-18-market-r90217`: kind, first day, subject, catalog version. */
  readonly id: string;
  readonly kind: ReportKind;
  /** `market` for all instruments together, else an instrument. */
  readonly subject: string;
  readonly title: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly madeAtUs: number;
  readonly catalogVersion: number;
  /** Ids held of those that existed, over all its streams. */
  readonly heldIds: number | null;
  readonly expectedIds: number | null;
  readonly dataKind: DataKind;
  readonly state: ReportState;
  /** SHA-256 over all that the report says of the data, hex: equal for reports that say the same. */
  readonly contentHash: string;
  /** Why there is no `report.pdf`; null when there is one. */
  readonly pdfAbsence: string | null;
  readonly files: readonly ReportFile[];
  /** When it was sent by e-mail; null while it was not. */
  readonly sentAtUs: number | null;
  /** A later one of the same kind, subject and range replaced it. */
  readonly isSuperseded: boolean;
}

/** GET /api/v1/reports?kind&subject, newest first. */
export interface ReportsAnswer {
  readonly reports: readonly ReportRow[];
}

// GET /api/v1/reports/{id}/{file} → the file
// POST /api/v1/reports {subject, from, to} → 202 RunRow of the job that makes it
