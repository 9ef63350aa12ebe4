import { parseInstrumentId } from '../domain/instrument.ts';
import type { Catalog, RowsChange } from '../ports/catalog.ts';
import type { ReportRow } from '../protocol/reports.ts';
import type { ReportWish } from './period.ts';
import { marketSubject } from './period.ts';
import type { ReportShelf } from './shelf.ts';

/**
 * Daily and weekly reports of which rows were repaired, corrected or came late since they were made. `lookedAt` remembers
 * the version up to which a report was found to say the same as before.
 */
export async function reportsToRenew(
  { shelf, catalog }: { readonly shelf: ReportShelf; readonly catalog: Pick<Catalog, 'rowsChangedAfter'> },
  sinceUs: number,
  lookedAt: ReadonlyMap<string, number> = new Map(),
): Promise<{ readonly id: string; readonly wish: ReportWish }[]> {
  const reports = (await shelf.list()).filter(
    ({ kind, isSuperseded, toUs }) => kind !== 'range' && !isSuperseded && toUs > sinceUs,
  );
  const changes = new Map<number, readonly RowsChange[]>();
  const found: { id: string; wish: ReportWish }[] = [];
  for (const report of reports) {
    const version = Math.max(report.catalogVersion, lookedAt.get(report.id) ?? 0);
    let changed = changes.get(version);
    if (changed === undefined) {
      changed = await catalog.rowsChangedAfter(version);
      changes.set(version, changed);
    }
    if (!changed.some((change) => touches(change, report))) continue;
    const { kind, subject, fromUs, toUs } = report;
    found.push({ id: report.id, wish: { kind, subject, fromUs, toUs } });
  }
  return found;
}

function touches(change: RowsChange, { subject, fromUs, toUs }: ReportRow): boolean {
  if (change.maxTimeUs < fromUs || change.minTimeUs >= toUs) return false;
  if (subject === marketSubject) return true;
  const { market, symbol } = parseInstrumentId(subject);
  return change.market === market && change.symbol === symbol;
}
