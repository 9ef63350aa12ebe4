import type { TradeRow } from '../../../src/protocol/api.ts';

export type TapeEntry =
  | { readonly kind: 'trade'; readonly trade: TradeRow }
  /** Ids `fromId … toId` lie between its neighbours and are not here. */
  | { readonly kind: 'missing'; readonly fromId: number; readonly toId: number; readonly atUs: number };

/**
 * Newest-first entries with `trades` (any order, may repeat) added to `older`; a jump in the ids between two neighbours
 * becomes an entry of its own, and vanishes when the ids arrive.
 */
export function mergeTape(older: readonly TapeEntry[], trades: readonly TradeRow[], limit: number): TapeEntry[] {
  const byId = new Map<number, TradeRow>();
  for (const entry of older) if (entry.kind === 'trade') byId.set(entry.trade.tradeId, entry.trade);
  for (const trade of trades) byId.set(trade.tradeId, trade);
  const sorted = [...byId.values()].sort((a, b) => b.tradeId - a.tradeId);
  const entries: TapeEntry[] = [];
  for (const trade of sorted) {
    const above = entries.at(-1);
    if (above?.kind === 'trade' && above.trade.kind === trade.kind && above.trade.tradeId - trade.tradeId > 1) {
      const atUs = above.trade.tradedAtUs;
      entries.push({ kind: 'missing', fromId: trade.tradeId + 1, toId: above.trade.tradeId - 1, atUs });
    }
    if (entries.length >= limit) break;
    entries.push({ kind: 'trade', trade });
  }
  return entries;
}

/** How many ids the entries lack. */
export function missingIds(entries: readonly TapeEntry[]): number {
  let count = 0;
  for (const entry of entries) if (entry.kind === 'missing') count += entry.toId - entry.fromId + 1;
  return count;
}
