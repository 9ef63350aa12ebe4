import type { GapReason, GapState } from '../../domain/state.ts';
import type { GapRow, LedgerRow } from '../../protocol/api.ts';
import { openCommitted } from '../committed.ts';
import type { StoreSettings } from '../lake-catalog.ts';
import type { Layout } from '../layout.ts';

const sql = `SELECT 'binance:' || market || ':' || symbol AS instrument, stream, from_id, to_id, epoch_us(opened_at) AS opened_at,
  epoch_us(closed_at) AS closed_at, state, reason, held_count, by_aggregate_count, tried FROM gaps`;

/** The gaps that the lake holds, for when no engine runs. */
export async function committedGaps(
  layout: Layout,
  settings: StoreSettings,
): Promise<{ gaps: readonly GapRow[]; ledger: readonly LedgerRow[] }> {
  const committed = await openCommitted(layout, settings);
  try {
    const result = await committed.query(sql);
    const gaps = result.rows.map(
      ([instrument, stream, fromId, toId, openedAt, closedAt, state, reason, held, byAggregate, tried]): GapRow => ({
        instrument: instrument!,
        stream: stream!,
        fromId: Number(fromId) < 0 ? null : Number(fromId),
        toId: Number(toId) < 0 ? null : Number(toId),
        openedAtUs: Number(openedAt),
        closedAtUs: closedAt === null || closedAt === undefined ? null : Number(closedAt),
        state: state as GapState,
        reason: reason as GapReason,
        heldCount: Number(held),
        byAggregateCount: Number(byAggregate),
        tried: tried ?? '',
      }),
    );
    return { gaps, ledger: [] };
  } finally {
    await committed.close();
  }
}
