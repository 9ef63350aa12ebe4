import { dateOf, dayUs } from '../domain/interval.ts';
import type { LedgerRow } from '../protocol/api.ts';

/** A stream that has ended for good, as of a delisted symbol, holds a day back for so long and no longer. */
const silentUs = dayUs;
/** The commit under way when a day was first seen proven may not hold all of it; the one after it does. */
const commitsAfter = 2;

export interface DaysSettled {
  /** No later day is settled; null when none is. Settled: every id of it is held or declared missing, and committed. */
  readonly through: string | null;
  /** What holds the next day back. */
  readonly why: string | null;
}

/** Knows which UTC days are settled, by looking from time to time. */
export class DaySettling {
  #proven: { readonly through: string; readonly version: number } | undefined;
  #through: string | null = null;

  look(ledger: readonly LedgerRow[], nowUs: number, catalogVersion: number): DaysSettled {
    const { provenUs, why } = provenUntil(ledger, nowUs);
    if (provenUs !== undefined) {
      const through = dateOf(Math.floor(provenUs / dayUs) * dayUs - 1);
      if (through !== this.#proven?.through) this.#proven = { through, version: catalogVersion };
      if (catalogVersion >= this.#proven.version + commitsAfter) this.#through = through;
    }
    return { through: this.#through, why };
  }
}

/** Up to when all streams with ids are proven, and the one that is behind the others. */
function provenUntil(ledger: readonly LedgerRow[], nowUs: number): { provenUs: number | undefined; why: string } {
  let least: { atUs: number; row: LedgerRow } | undefined;
  for (const row of ledger) {
    if (row.firstId === null) continue;
    const isWhole = row.openGaps === 0;
    const atUs = Math.max(row.tidemarkUs ?? 0, isWhole ? nowUs - silentUs : 0);
    if (least === undefined || atUs < least.atUs) least = { atUs, row };
  }
  if (least === undefined) return { provenUs: undefined, why: 'no stream with ids has begun' };
  const { instrument, stream, openGaps } = least.row;
  const gaps = openGaps === 0 ? '' : `, ${openGaps} gaps open`;
  const until = new Date(least.atUs / 1000).toISOString().slice(0, 16);
  return { provenUs: least.atUs, why: `${instrument} ${stream} is proven until ${until}Z${gaps}` };
}
