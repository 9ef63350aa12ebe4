import type { RunRow } from '../../../src/protocol/jobs.ts';
import type { ReportFile, ReportRow, ReportsAnswer } from '../../../src/protocol/reports.ts';
import { getJson, postJson } from '../live/api.ts';

export function getReports(signal: AbortSignal): Promise<ReportsAnswer> {
  return getJson('reports', {}, signal);
}

export interface ReportWish {
  readonly subject: string;
  readonly from: string;
  readonly to: string;
}

export function makeReport(wish: ReportWish): Promise<RunRow> {
  return postJson('reports', wish);
}

/** Address of a file of a report. */
export function fileAddress(report: ReportRow, file: ReportFile): string {
  return `/api/v1/reports/${encodeURIComponent(report.id)}/${encodeURIComponent(file.name)}`;
}
