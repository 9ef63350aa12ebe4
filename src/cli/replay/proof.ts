import type { Instrument } from '../../domain/instrument.ts';
import { instrumentId } from '../../domain/instrument.ts';
import type { GapRow, LedgerRow } from '../../protocol/api.ts';
import type { Committed } from '../committed.ts';
import type { BookProof } from './book-check.ts';
import { proveBook } from './book-check.ts';
import type { Recorded } from './recorded.ts';

export interface StreamProof {
  readonly instrument: string;
  readonly stream: string;
  /** In the recording. */
  readonly frames: number;
  /** In the lake; of depth its events. Null of a stream of which only the frames are kept. */
  readonly rows: number | null;
  readonly firstId: number | null;
  readonly lastId: number | null;
  /** Ids between first and last that are not held; null of streams without contiguous ids. */
  readonly missingIds: number | null;
  readonly gaps: number;
}

export interface CandleProof {
  readonly instrument: string;
  readonly interval: string;
  readonly candles: number;
  readonly states: Readonly<Record<string, number>>;
}

export interface VenueCandleProof {
  readonly instrument: string;
  readonly interval: string;
  /** Candles that the venue closed and that are proven here, and how many agree in prices, volumes and count. */
  readonly compared: number;
  readonly equal: number;
}

export interface FindingProof {
  readonly instrument: string;
  readonly code: string;
  readonly stream: string;
  readonly count: number;
  readonly example: string;
}

/** What the lake holds of a recording after it went through the whole system. */
export interface Proof {
  readonly isComplete: boolean;
  readonly streams: readonly StreamProof[];
  readonly gaps: readonly GapRow[];
  readonly findings: readonly FindingProof[];
  readonly books: readonly BookProof[];
  readonly candles: readonly CandleProof[];
  readonly venueCandles: readonly VenueCandleProof[];
}

const id = `'binance:' || market || ':' || symbol`;

const rowsSql = `
SELECT ${id}, 'trade', count(*), min(trade_id), max(trade_id) FROM trades GROUP BY ALL
UNION ALL SELECT ${id}, 'agg-trade', count(*), min(agg_trade_id), max(agg_trade_id) FROM agg_trades GROUP BY ALL
UNION ALL SELECT ${id}, 'depth', count(DISTINCT final_update_id), min(first_update_id), max(final_update_id)
  FROM book_deltas GROUP BY ALL
UNION ALL SELECT ${id}, 'book-ticker', count(*), min(update_id), max(update_id) FROM book_tickers GROUP BY ALL
UNION ALL SELECT ${id}, 'ticker', count(*), NULL, NULL FROM tickers GROUP BY ALL
UNION ALL SELECT ${id}, 'kline_' || interval, count(*), NULL, NULL FROM venue_candles GROUP BY ALL`;

const findingsSql = `SELECT ${id}, code, stream, count(*), min(detail) FROM findings GROUP BY ALL ORDER BY ALL`;

const candlesSql = `SELECT ${id}, interval, state, count(*) FROM candles GROUP BY ALL ORDER BY ALL`;

/** Sums of quotes are left out: where they need more than 8 digits the venue rounds in a way it does not tell. */
const venueCandlesSql = `
SELECT ${id}, interval, count(*), count(*) FILTER (
    ours.open = theirs.open AND ours.high = theirs.high AND ours.low = theirs.low AND ours.close = theirs.close
    AND ours.volume = theirs.volume AND ours.trade_count = theirs.trade_count
    AND ours.taker_buy_volume = theirs.taker_buy_volume)
FROM venue_candles AS theirs JOIN candles AS ours USING (market, symbol, interval, opened_at)
WHERE ours.state IN ('final', 'no-trades') GROUP BY ALL ORDER BY ALL`;

export async function proveReplay(
  recorded: Recorded,
  committed: Committed,
  ledger: readonly LedgerRow[],
  gaps: readonly GapRow[],
): Promise<Proof> {
  const ask = async (sql: string) => (await committed.query(sql)).rows;
  const rows = new Map(
    (await ask(rowsSql)).map(([instrument, stream, ...counts]) => [`${instrument} ${stream}`, counts]),
  );
  const streams = recorded.streams.map(({ instrument, kind, interval, frames }): StreamProof => {
    const name = instrumentId(instrument);
    const stream = kind === 'kline' ? `kline_${interval}` : kind;
    const [count, firstId, lastId] = rows.get(`${name} ${stream}`) ?? ['0', null, null];
    const ids = ledger.find((row) => row.instrument === name && row.stream === kind && row.firstId !== null);
    return {
      instrument: name,
      stream,
      frames,
      rows: kind === 'mark-price' ? null : Number(count),
      firstId: numberOrNull(firstId),
      lastId: numberOrNull(lastId),
      missingIds: ids?.missingIds ?? null,
      gaps: gaps.filter((gap) => gap.instrument === name && gap.stream === stream && gap.state !== 'repaired').length,
    };
  });
  const findings = (await ask(findingsSql)).map(([instrument, code, stream, count, example]): FindingProof => {
    return { instrument: instrument!, code: code!, stream: stream!, count: Number(count), example: example! };
  });
  const books: BookProof[] = [];
  for (const instrument of withDepth(recorded)) books.push(await proveBook(committed.lake, instrument));
  const states = Map.groupBy(await ask(candlesSql), ([instrument, interval]) => `${instrument} ${interval}`);
  const candles = [...states.values()].map((found): CandleProof => {
    const counts = found.map(([, , state, count]) => [state!, Number(count)] as const);
    const [instrument, interval] = found[0]!;
    return {
      instrument: instrument!,
      interval: interval!,
      candles: counts.reduce((sum, [, count]) => sum + count, 0),
      states: Object.fromEntries(counts),
    };
  });
  const venueCandles = (await ask(venueCandlesSql)).map(([instrument, interval, compared, equal]): VenueCandleProof => {
    return { instrument: instrument!, interval: interval!, compared: Number(compared), equal: Number(equal) };
  });
  const isComplete =
    gaps.every((gap) => gap.state === 'repaired') &&
    findings.every((finding) => isNoSnapshot(finding, recorded)) &&
    venueCandles.every(({ compared, equal }) => compared === equal);
  return { isComplete, streams, gaps, findings, books, candles, venueCandles };
}

/** The venue that plays a recording without a snapshot has none to give: that says nothing of the recording's streams. */
function isNoSnapshot({ instrument, code, stream }: FindingProof, { withSnapshot }: Recorded): boolean {
  return code === 'rest-refused' && stream === 'depth' && !withSnapshot.has(instrument);
}

export function withDepth(recorded: Recorded): Instrument[] {
  const depth = recorded.streams.filter(({ kind }) => kind === 'depth').map(({ instrument }) => instrument);
  return [...new Map(depth.map((instrument) => [instrumentId(instrument), instrument])).values()];
}

function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
