import type { ReportFile, ReportRow } from '../../../src/protocol/reports.ts';

export interface ReportFilter {
  readonly kind: ReportRow['kind'] | undefined;
  readonly subject: string | undefined;
  readonly withSuperseded: boolean;
}

/** Newest range first; of the same range the newest version first. */
export function listedReports(reports: readonly ReportRow[], filter: ReportFilter): ReportRow[] {
  return reports
    .filter(
      (report) =>
        (filter.kind === undefined || report.kind === filter.kind) &&
        (filter.subject === undefined || report.subject === filter.subject) &&
        (filter.withSuperseded || !report.isSuperseded),
    )
    .sort(
      (a, b) =>
        b.toUs - a.toUs || b.fromUs - a.fromUs || b.catalogVersion - a.catalogVersion || b.madeAtUs - a.madeAtUs,
    );
}

/** The page to read, and what lies beside it to download. */
export function filesOf(report: ReportRow): {
  readonly page: ReportFile | undefined;
  readonly pdf: ReportFile | undefined;
  readonly data: readonly ReportFile[];
} {
  const page =
    report.files.find((file) => file.name === 'report.html') ??
    report.files.find((file) => file.name.endsWith('.html'));
  const pdf = report.files.find((file) => file.name.endsWith('.pdf'));
  return { page, pdf, data: report.files.filter((file) => file !== page && file !== pdf) };
}

const dayUs = 86_400e6;

/** The range as people say it: a day, days, or instants where it does not begin and end at midnight. */
export function rangeText(fromUs: number, toUs: number): string {
  const date = (atUs: number): string => new Date(Math.floor(atUs / 1000)).toISOString();
  if (fromUs % dayUs !== 0 || toUs % dayUs !== 0)
    return `${date(fromUs).slice(0, 16).replace('T', ' ')} – ${date(toUs).slice(0, 16).replace('T', ' ')}`;
  const [first, last] = [date(fromUs).slice(0, 10), date(toUs - dayUs).slice(0, 10)];
  return first === last ? first : `${first} – ${last}`;
}
