import { BookSide } from '../../book/book-side.ts';
import type { Batch } from '../../domain/batch.ts';
import { formatScaled, powerOfTen } from '../../domain/decimal.ts';
import type { Instrument } from '../../domain/instrument.ts';
import { instrumentId } from '../../domain/instrument.ts';
import type { Slots } from '../../domain/slots.ts';
import type { bookDeltas, bookSnapshots, bookTickers } from '../../domain/tables/index.ts';
import type { Lake } from '../../ports/lake.ts';

/** A book put together again from what the lake holds: its end, and how often its best prices are those of the book tickers. */
export interface BookProof {
  readonly instrument: string;
  /** First and last update id of the rebuilt book; null when no book could be begun. */
  readonly fromUpdateId: number | null;
  readonly toUpdateId: number | null;
  /** All levels, those too that lie beyond what the snapshot vouched for. */
  readonly bidLevels: number;
  readonly askLevels: number;
  readonly bestBid: ProofLevel | null;
  readonly bestAsk: ProofLevel | null;
  readonly appliedEvents: number;
  /** Breaks in the events after which the book was unknown until the next snapshot. */
  readonly breaks: number;
  /** Events with a book ticker inside their ids, and in how many of them the last one shows the book's price and quantity. */
  readonly comparedWithTickers: number;
  readonly equalToTickers: number;
}

export interface ProofLevel {
  readonly price: string;
  readonly quantity: string;
}

interface Rows<T> {
  readonly batch: T;
  readonly slots: Slots;
}

/** Knows the rows alone, nothing of how the engine keeps its books. */
export async function proveBook(lake: Lake, instrument: Instrument): Promise<BookProof> {
  const read = async <T>(table: string) => {
    const { market, symbol } = instrument;
    return (await lake.read({ table, market, symbol })) as unknown as Rows<T>;
  };
  const deltas = await read<Batch<(typeof bookDeltas)['columns']>>('book_deltas');
  const snapshots = await read<Batch<(typeof bookSnapshots)['columns']>>('book_snapshots');
  const tickers = await read<Batch<(typeof bookTickers)['columns']>>('book_tickers');
  // Sides are keyed by price at one scale; what stands at a price keeps its own, as no quantities are added up.
  const scale = Math.min(
    ...[deltas, snapshots, tickers].flatMap(({ slots }) => slots.all.map((slot) => slot.priceScale)),
  );
  const levels: StoredLevel[] = [noLevel];
  const bids = new BookSide(true);
  const asks = new BookSide(false);
  const put = (side: BookSide, level: StoredLevel) => {
    const key = level.price / powerOfTen(level.priceScale - scale);
    if (level.quantity === 0) return side.set(key, 0);
    levels.push(level);
    side.set(key, levels.length - 1);
  };
  const best = (side: BookSide): StoredLevel | undefined => (side.length === 0 ? undefined : levels[side.quantity(0)]);

  const snapshotRows = new Map<number, number[]>();
  for (let row = 0; row < snapshots.batch.length; row++) {
    const id = snapshots.batch.columns.update_id[row]!;
    const rows = snapshotRows.get(id);
    if (rows === undefined) snapshotRows.set(id, [row]);
    else rows.push(row);
  }
  const load = (id: number): boolean => {
    const rows = snapshotRows.get(id);
    if (rows === undefined) return false;
    const { is_bid, price, quantity } = snapshots.batch.columns;
    for (const row of rows) {
      put(is_bid[row] === 1 ? bids : asks, levelOf(snapshots, row, price[row]!, quantity[row]!));
    }
    return true;
  };
  let fromUpdateId: number | null = null;
  let lastId = Number.NaN;
  let isKnown = false;
  const counts = { appliedEvents: 0, breaks: 0, comparedWithTickers: 0, equalToTickers: 0 };
  let ticker = 0;
  const { columns: delta, length } = deltas.batch;
  for (let row = 0; row < length; ) {
    const final = delta.final_update_id[row]!;
    const first = delta.first_update_id[row]!;
    const before = instrument.market === 'spot' ? first - 1 : delta.previous_update_id[row]!;
    if (isKnown && before > lastId) {
      isKnown = false;
      counts.breaks++;
      bids.clear();
      asks.clear();
    }
    for (; row < length && delta.final_update_id[row] === final; row++) {
      if (!isKnown) continue;
      const side = delta.is_bid[row] === 1 ? bids : asks;
      put(side, levelOf(deltas, row, delta.price[row]!, delta.quantity[row]!));
    }
    lastId = final;
    if (!isKnown) {
      isKnown = load(final);
      if (isKnown) fromUpdateId ??= final;
      continue;
    }
    counts.appliedEvents++;
    const { update_id, bid_price, bid_quantity, ask_price, ask_quantity } = tickers.batch.columns;
    while (ticker < tickers.batch.length && update_id[ticker]! < first) ticker++;
    let last = -1;
    while (ticker < tickers.batch.length && update_id[ticker]! <= final) last = ticker++;
    if (last < 0) continue;
    counts.comparedWithTickers++;
    const isEqual =
      isSame(best(bids), levelOf(tickers, last, bid_price[last]!, bid_quantity[last]!)) &&
      isSame(best(asks), levelOf(tickers, last, ask_price[last]!, ask_quantity[last]!));
    if (isEqual) counts.equalToTickers++;
  }

  return {
    instrument: instrumentId(instrument),
    fromUpdateId,
    toUpdateId: isKnown ? lastId : null,
    bidLevels: isKnown ? bids.length : 0,
    askLevels: isKnown ? asks.length : 0,
    bestBid: isKnown ? shown(best(bids)) : null,
    bestAsk: isKnown ? shown(best(asks)) : null,
    ...counts,
  };
}

/** As stored: integers with the scales of their row. */
interface StoredLevel {
  readonly price: number;
  readonly priceScale: number;
  readonly quantity: number;
  readonly quantityScale: number;
}

const noLevel: StoredLevel = { price: 0, priceScale: 0, quantity: 0, quantityScale: 0 };

function levelOf(rows: Rows<{ slot: Uint32Array }>, row: number, price: number, quantity: number): StoredLevel {
  const { priceScale, quantityScale } = rows.slots.get(rows.batch.slot[row]!);
  return { price, priceScale, quantity, quantityScale };
}

function isSame(a: StoredLevel | undefined, b: StoredLevel): boolean {
  if (a === undefined) return false;
  if (a.priceScale === b.priceScale && a.quantityScale === b.quantityScale) {
    return a.price === b.price && a.quantity === b.quantity;
  }
  return (
    plain(a.price, a.priceScale) === plain(b.price, b.priceScale) &&
    plain(a.quantity, a.quantityScale) === plain(b.quantity, b.quantityScale)
  );
}

function shown(level: StoredLevel | undefined): ProofLevel | null {
  if (level === undefined) return null;
  return { price: plain(level.price, level.priceScale), quantity: plain(level.quantity, level.quantityScale) };
}

function plain(value: number, scale: number): string {
  const text = formatScaled(value, scale);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
