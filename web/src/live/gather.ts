import type { BookView, CandleRow, Coverage, GapRow, StatusAnswer, TradeRow } from '../../../src/protocol/api.ts';
import type { LivePayload } from '../../../src/protocol/live.ts';
import type { ChannelDelta } from './messages.ts';

const mostTrades = 1_000;

interface Gathered {
  candles: Map<number, CandleRow> | undefined;
  trades: TradeRow[];
  skippedTrades: number;
  book: BookView | undefined;
  gaps: Map<string, GapRow> | undefined;
  coverage: Coverage | undefined;
  status: StatusAnswer | undefined;
  synced: boolean;
  syncedThroughId: number | undefined;
}

export function gapKey(gap: GapRow): string {
  return `${gap.stream}/${gap.fromId ?? ''}/${gap.openedAtUs}`;
}

/** Merges what arrives between two paints: of a candle and the book the newest counts, trades are all kept up to a limit. */
export class Gatherer {
  readonly #channels = new Map<string, Gathered>();

  get isEmpty(): boolean {
    return this.#channels.size === 0;
  }

  add(channel: string, payload: LivePayload, synced: boolean): void {
    let held = this.#channels.get(channel);
    if (held === undefined) {
      held = {
        candles: undefined,
        trades: [],
        skippedTrades: 0,
        book: undefined,
        gaps: undefined,
        coverage: undefined,
        status: undefined,
        synced,
        syncedThroughId: undefined,
      };
      this.#channels.set(channel, held);
    }
    held.synced = synced;
    switch (payload.kind) {
      case 'candles':
        held.candles ??= new Map();
        for (const row of payload.candles) held.candles.set(row.openedAtUs, row);
        break;
      case 'trades':
        for (const trade of payload.trades) held.trades.push(trade);
        if (held.trades.length > mostTrades) {
          held.skippedTrades += held.trades.length - mostTrades;
          held.trades = held.trades.slice(-mostTrades);
        }
        break;
      case 'book':
        held.book = payload.book;
        break;
      case 'gaps':
        held.gaps ??= new Map();
        for (const gap of payload.gaps) held.gaps.set(gapKey(gap), gap);
        if (payload.coverage !== null) held.coverage = payload.coverage;
        break;
      case 'status':
        held.status = payload.status;
        break;
      case 'synced':
        held.syncedThroughId = Math.max(held.syncedThroughId ?? -1, payload.throughTradeId);
        break;
    }
  }

  drop(channel: string): void {
    this.#channels.delete(channel);
  }

  take(): ChannelDelta[] {
    const deltas: ChannelDelta[] = [];
    for (const [channel, held] of this.#channels) {
      deltas.push({
        channel,
        synced: held.synced,
        ...(held.candles === undefined
          ? {}
          : { candles: [...held.candles.values()].sort((a, b) => a.openedAtUs - b.openedAtUs) }),
        ...(held.trades.length === 0 ? {} : { trades: held.trades, skippedTrades: held.skippedTrades }),
        ...(held.book === undefined ? {} : { book: held.book }),
        ...(held.gaps === undefined ? {} : { gaps: [...held.gaps.values()] }),
        ...(held.coverage === undefined ? {} : { coverage: held.coverage }),
        ...(held.status === undefined ? {} : { status: held.status }),
        ...(held.syncedThroughId === undefined ? {} : { syncedThroughId: held.syncedThroughId }),
      });
    }
    this.#channels.clear();
    return deltas;
  }
}
