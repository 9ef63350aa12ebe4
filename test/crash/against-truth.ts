import assert from 'node:assert/strict';
import { formatScaled } from '../../src/domain/decimal.ts';
import { nextOpenTimeUs, openTimeUs } from '../../src/domain/interval.ts';
import type { BookHistory, Truth } from '../../src/harbour/index.ts';
import type { LakeReader } from './lake-reader.ts';

/** How much was compared: a comparison that counted nothing proves nothing. */
export interface Compared {
  trades: number;
  repairedTrades: number;
  aggregates: number;
  candles: number;
  finalCandles: number;
  depthEvents: number;
  lostDepthEvents: number;
  bookTickers: number;
  lostBookTickers: number;
  snapshots: number;
  gaps: number;
}

interface GapRow {
  readonly stream: string;
  readonly fromId: number;
  readonly toId: number;
  readonly openedAtUs: number;
  readonly closedAtUs: number;
  readonly state: string;
}

/** Everything the lake holds of `symbol` against what the harbour knows to have happened and to have been sent. */
export async function compareWithTruth(lake: LakeReader, truth: Truth, symbol: string): Promise<Compared> {
  const gaps = await gapsOf(lake, symbol);
  const compared: Compared = {
    trades: 0,
    repairedTrades: 0,
    aggregates: 0,
    candles: 0,
    finalCandles: 0,
    depthEvents: 0,
    lostDepthEvents: 0,
    bookTickers: 0,
    lostBookTickers: 0,
    snapshots: 0,
    gaps: gaps.length,
  };
  const span = await compareTrades(lake, truth, symbol, compared);
  await compareAggregates(lake, truth, symbol, compared);
  await compareCandles(lake, truth, symbol, span, compared);
  await compareDepth(lake, truth, symbol, gaps, compared);
  await compareBookTickers(lake, truth, symbol, gaps, compared);
  await compareSnapshots(lake, truth, symbol, compared);
  for (const { stream, state, closedAtUs, fromId } of gaps) {
    const what = `${symbol} ${stream} gap from ${fromId}`;
    if (Number.isNaN(closedAtUs)) {
      // The recorder was stopped: streams that are only watched are a gap from there on.
      assert.ok(stream === 'book-ticker' || stream === 'ticker', `${what} has ended`);
      continue;
    }
    const canBeRepaired = stream === 'trade' || stream === 'agg-trade' || stream.startsWith('kline');
    assert.equal(state, canBeRepaired ? 'repaired' : 'declared', what);
  }
  return compared;
}

/** Ids of rows that went out on any connection for a stream, with the wall time of sending; ascending, once each. */
function sentOn(truth: Truth, stream: string): { first: number; last: number; atUs: number }[] {
  const byLast = new Map<number, { first: number; last: number; atUs: number }>();
  for (const { streams, rows } of truth.connections()) {
    const index = streams.indexOf(stream);
    if (index < 0) continue;
    for (let row = 0; row < rows.length; row++) {
      if (rows.at(row, 'stream') !== index) continue;
      const last = rows.at(row, 'last');
      byLast.set(last, { first: rows.at(row, 'first'), last, atUs: rows.at(row, 'atUs') });
    }
  }
  return [...byLast.values()].sort((a, b) => a.last - b.last);
}

async function gapsOf(lake: LakeReader, symbol: string): Promise<GapRow[]> {
  const rows = await lake.sql(
    `SELECT stream, from_id, to_id, epoch_us(opened_at), epoch_us(closed_at), state FROM gaps
     WHERE symbol = '${symbol}' ORDER BY stream, opened_at`,
  );
  return rows.map(([stream, fromId, toId, openedAt, closedAt, state]) => ({
    stream: stream!,
    fromId: Number(fromId),
    toId: Number(toId),
    openedAtUs: Number(openedAt),
    closedAtUs: closedAt === null ? Number.NaN : Number(closedAt),
    state: state!,
  }));
}

interface Span {
  readonly firstId: number;
  readonly lastId: number;
}

async function compareTrades(lake: LakeReader, truth: Truth, symbol: string, compared: Compared): Promise<Span> {
  const rows = await lake.sql(
    `SELECT trade_id, price, quantity, epoch_us(traded_at), buyer_is_maker, is_market, origin FROM trades
     WHERE symbol = '${symbol}' ORDER BY trade_id`,
  );
  const { trades } = truth.listing(symbol);
  const listing = truth.listing(symbol);
  const firstId = sentOn(truth, `${symbol.toLowerCase()}@trade`)[0]!.first;
  assert.equal(Number(rows[0]![0]), firstId, `${symbol}: the first trade sent is held`);
  for (const [at, row] of rows.entries()) {
    const id = firstId + at;
    const known = trades.rowOf(id);
    assert.ok(known >= 0, `${symbol}: trade ${row[0]} never happened`);
    assert.deepEqual(
      row.slice(0, 6),
      [
        String(id),
        listing.priceText(trades.at(known, 'price')),
        listing.lotsText(trades.at(known, 'lots')),
        String(trades.at(known, 'tradedAtUs')),
        String(trades.at(known, 'buyerIsMaker') === 1),
        'true',
      ],
      `${symbol}: trade ${id} once, as it happened`,
    );
    if (row[6] === 'rest') compared.repairedTrades++;
  }
  compared.trades = rows.length;
  return { firstId, lastId: firstId + rows.length - 1 };
}

async function compareAggregates(lake: LakeReader, truth: Truth, symbol: string, compared: Compared): Promise<void> {
  const rows = await lake.sql(
    `SELECT agg_trade_id, first_trade_id, last_trade_id, price, quantity, epoch_us(traded_at), buyer_is_maker
     FROM agg_trades WHERE symbol = '${symbol}' ORDER BY agg_trade_id`,
  );
  const listing = truth.listing(symbol);
  const { aggregates } = listing;
  const firstId = sentOn(truth, `${symbol.toLowerCase()}@aggTrade`)[0]?.first;
  for (const [at, row] of rows.entries()) {
    const known = aggregates.rowOf(firstId! + at);
    assert.ok(known >= 0, `${symbol}: aggregate ${row[0]} never happened`);
    assert.deepEqual(
      row,
      [
        String(firstId! + at),
        String(aggregates.at(known, 'first')),
        String(aggregates.at(known, 'last')),
        listing.priceText(aggregates.at(known, 'price')),
        listing.lotsText(aggregates.at(known, 'lots')),
        String(aggregates.at(known, 'tradedAtUs')),
        String(aggregates.at(known, 'buyerIsMaker') === 1),
      ],
      `${symbol}: aggregate ${firstId! + at} once, as it happened`,
    );
  }
  compared.aggregates = rows.length;
}

interface Sums {
  open: number;
  high: number;
  low: number;
  close: number;
  lots: bigint;
  quote: bigint;
  count: number;
  takerLots: bigint;
  takerQuote: bigint;
  first: number;
  last: number;
}

async function compareCandles(
  lake: LakeReader,
  truth: Truth,
  symbol: string,
  span: Span,
  compared: Compared,
): Promise<void> {
  const listing = truth.listing(symbol);
  const { trades } = listing;
  const { priceScale, lotScale } = listing.digits;
  const firstAtUs = trades.at(trades.rowOf(span.firstId), 'tradedAtUs');
  const lastAtUs = trades.at(trades.rowOf(span.lastId), 'tradedAtUs');
  for (const interval of ['1s', '1m', '1h', '1d'] as const) {
    const expected = new Map<number, Sums>();
    for (let id = span.firstId; id <= span.lastId; id++) {
      const row = trades.rowOf(id);
      const price = trades.at(row, 'price');
      const lots = BigInt(trades.at(row, 'lots'));
      const quote = BigInt(price) * lots;
      const isTakerBuy = trades.at(row, 'buyerIsMaker') === 0;
      const openUs = openTimeUs(interval, trades.at(row, 'tradedAtUs'));
      const sums = expected.get(openUs);
      if (sums === undefined) {
        expected.set(openUs, {
          open: price,
          high: price,
          low: price,
          close: price,
          lots,
          quote,
          count: 1,
          takerLots: isTakerBuy ? lots : 0n,
          takerQuote: isTakerBuy ? quote : 0n,
          first: id,
          last: id,
        });
        continue;
      }
      sums.high = Math.max(sums.high, price);
      sums.low = Math.min(sums.low, price);
      sums.close = price;
      sums.lots += lots;
      sums.quote += quote;
      sums.count++;
      if (isTakerBuy) {
        sums.takerLots += lots;
        sums.takerQuote += quote;
      }
      sums.last = id;
    }
    const rows = await lake.sql(
      `SELECT epoch_us(opened_at), open, high, low, close, volume, quote_volume, trade_count, taker_buy_volume,
              taker_buy_quote_volume, first_trade_id, last_trade_id, state FROM candles
       WHERE symbol = '${symbol}' AND interval = '${interval}' AND trade_count > 0 ORDER BY opened_at`,
    );
    const price = (ticks: number) => formatScaled(ticks, priceScale, 8);
    const sum = (lots: bigint) => formatScaled(lots, lotScale, 8);
    const product = (quote: bigint) => formatScaled(quote, priceScale + lotScale, 16);
    assert.deepEqual(
      rows.map((row) => row.slice(0, 12)),
      [...expected].map(([openUs, sums]) => [
        String(openUs),
        price(sums.open),
        price(sums.high),
        price(sums.low),
        price(sums.close),
        sum(sums.lots),
        product(sums.quote),
        String(sums.count),
        sum(sums.takerLots),
        product(sums.takerQuote),
        String(sums.first),
        String(sums.last),
      ]),
      `${symbol}: every ${interval} candle is the one of the trades that happened`,
    );
    for (const row of rows) {
      const openUs = Number(row[0]);
      const endUs = nextOpenTimeUs(interval, openUs);
      const what = `${symbol} ${interval} ${new Date(openUs / 1000).toISOString()}`;
      if (openUs <= firstAtUs && endUs <= lastAtUs)
        assert.equal(row[12], 'partial', `${what} begins before we held any`);
      if (openUs <= firstAtUs || endUs > lastAtUs) continue;
      assert.equal(row[12], 'final', `${what}, ${(lastAtUs - endUs) / 1e6} s before the last trade, is proven`);
      compared.finalCandles++;
    }
    compared.candles += rows.length;
  }
}

async function compareDepth(
  lake: LakeReader,
  truth: Truth,
  symbol: string,
  gaps: readonly GapRow[],
  compared: Compared,
): Promise<void> {
  const held = await lake.sql(
    `SELECT first_update_id, final_update_id, epoch_us(min(event_at)),
            string_agg(is_bid || ' ' || price || ' ' || quantity, chr(10) ORDER BY level) FROM book_deltas
     WHERE symbol = '${symbol}' GROUP BY 1, 2 ORDER BY 2`,
  );
  const depthGaps = gaps.filter((gap) => gap.stream === 'depth');
  const expectedGaps: GapRow[] = [];
  const history = truth.book(symbol);
  const finals = new Set<number>();
  for (const [at, row] of held.entries()) {
    const first = Number(row[0]);
    const final = Number(row[1]);
    finals.add(final);
    assert.deepEqual(
      new Set(row[3]!.split('\n')),
      new Set(levelsChanged(history, truth, symbol, first, final)),
      `${symbol}: depth event ${final} holds the levels that changed`,
    );
    const before = held[at - 1];
    if (before === undefined || Number(before[1]) + 1 === first) continue;
    expectedGaps.push({
      stream: 'depth',
      fromId: Number(before[1]) + 1,
      toId: first - 1,
      openedAtUs: Number(before[2]),
      closedAtUs: Number(row[2]),
      state: 'declared',
    });
  }
  assert.deepEqual(
    depthGaps.toSorted((a, b) => a.fromId - b.fromId),
    expectedGaps,
    `${symbol}: the declared depth gaps are the holes between the events held, to the id and the instant`,
  );
  const [firstFinal, lastFinal] = [Number(held[0]![1]), Number(held.at(-1)![1])];
  for (const { first, last } of sentOn(truth, `${symbol.toLowerCase()}@depth@100ms`)) {
    if (last < firstFinal || last > lastFinal || finals.has(last)) continue;
    assert.ok(
      depthGaps.some((gap) => gap.fromId <= first && last <= gap.toId),
      `${symbol}: depth event ${first}–${last} was sent, is not held and lies in no gap`,
    );
    compared.lostDepthEvents++;
  }
  compared.depthEvents = held.length;
}

/** What a depth event over these update ids must say: each touched level at its quantity in the end. */
function levelsChanged(history: BookHistory, truth: Truth, symbol: string, first: number, final: number): string[] {
  const listing = truth.listing(symbol);
  const levels = new Map<string, string>();
  const { changes } = history;
  for (let row = changes.firstAtLeast('id', first); row < changes.length && changes.at(row, 'id') <= final; row++) {
    const side = changes.at(row, 'isBid') === 1;
    const price = listing.priceText(changes.at(row, 'tick'));
    levels.set(`${side} ${price}`, listing.lotsText(changes.at(row, 'lots')));
  }
  return [...levels].map(([level, quantity]) => `${level} ${quantity}`);
}

async function compareBookTickers(
  lake: LakeReader,
  truth: Truth,
  symbol: string,
  gaps: readonly GapRow[],
  compared: Compared,
): Promise<void> {
  const rows = await lake.sql(
    `SELECT update_id, epoch_us(received_at) FROM book_tickers WHERE symbol = '${symbol}' ORDER BY update_id`,
  );
  const held = new Map(rows.map(([id, receivedAt], at) => [Number(id), { at, receivedAtUs: Number(receivedAt) }]));
  const ids = [...held.keys()];
  const sent = sentOn(truth, `${symbol.toLowerCase()}@bookTicker`);
  const sentIds = new Set(sent.map(({ last }) => last));
  for (const id of ids) assert.ok(sentIds.has(id), `${symbol}: book ticker ${id} was never sent`);
  const watchGaps = gaps.filter((gap) => gap.stream === 'book-ticker');
  for (const gap of watchGaps) {
    for (const { receivedAtUs } of held.values()) {
      assert.ok(
        receivedAtUs <= gap.openedAtUs || receivedAtUs >= gap.closedAtUs,
        `${symbol}: no book ticker that is held lies in a gap (${receivedAtUs} does in ${gap.openedAtUs}–${gap.closedAtUs})`,
      );
    }
  }
  let next = 0;
  for (const { last: id } of sent) {
    while (next < ids.length && ids[next]! < id) next++;
    if (next === 0 || next === ids.length || ids[next] === id) continue;
    const before = held.get(ids[next - 1]!)!.receivedAtUs;
    const after = held.get(ids[next]!)!.receivedAtUs;
    assert.ok(
      watchGaps.some((gap) => gap.openedAtUs === before && gap.closedAtUs === after),
      `${symbol}: book ticker ${id} was sent, is not held, and no gap from ${before} to ${after} is declared`,
    );
    compared.lostBookTickers++;
  }
  compared.bookTickers = ids.length;
}

async function compareSnapshots(lake: LakeReader, truth: Truth, symbol: string, compared: Compared): Promise<void> {
  const listing = truth.listing(symbol);
  const ids = await lake.sql(`SELECT DISTINCT update_id FROM book_snapshots WHERE symbol = '${symbol}' ORDER BY 1`);
  for (const [id] of ids) {
    const rows = await lake.sql(
      `SELECT is_bid, price, quantity FROM book_snapshots
       WHERE symbol = '${symbol}' AND update_id = ${id} AND is_within_horizon ORDER BY is_bid DESC, price`,
    );
    const book = truth.book(symbol).at(Number(id));
    assert.ok(book !== undefined, `${symbol}: the harbour never had a book at update ${id}`);
    const side = (levels: [number, number][], isBid: boolean) => {
      const known = rows.filter(([flag]) => (flag === 'true') === isBid);
      // Levels beyond the horizon may be missing: only what the book vouches for is compared.
      const reach = Number(known.at(isBid ? 0 : -1)?.[1]);
      const expected = levels
        .filter(([tick]) =>
          isBid ? Number(listing.priceText(tick)) >= reach : Number(listing.priceText(tick)) <= reach,
        )
        .sort(([a], [b]) => a - b)
        .map(([tick, lots]) => [String(isBid), listing.priceText(tick), listing.lotsText(lots)]);
      assert.ok(known.length > 10, `${symbol}: the snapshot at ${id} is a book`);
      assert.deepEqual(known, expected, `${symbol}: the book at update ${id} is the harbour’s`);
    };
    side(book.bids, true);
    side(book.asks, false);
    compared.snapshots++;
  }
}
