// Reports as the API gives them. Instants are integer µs since 1970 UTC.
import type { DataKind } from '../domain/state.ts';

export const reportKinds = ['daily', 'weekly', 'range'] as const;

export interface ReportFile {
  /** `report.html`, `report.pdf`, `candles.parquet`, `candles.csv` … */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ReportRow {
  /** `daily-2026-03-18-market-r90217`: kind, first day, subject, catalog version. */
  readonly id: string;
  readonly kind: (typeof reportKinds)[number];
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
  readonly files: readonly ReportFile[];
  /** A later one of the same kind, subject and range replaced it. */
  readonly isSuperseded: boolean;
}

/** GET /api/v1/reports?kind&subject, newest first. */
export interface ReportsAnswer {
  readonly reports: readonly ReportRow[];
}

// GET /api/v1/reports/{id}/{file} → the file
// POST /api/v1/reports {subject, from, to, formats?} → 202 RunRow of the job that makes it
