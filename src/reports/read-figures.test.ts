import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatScaled } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import { instrumentId } from '../domain/instrument.ts';
import { dayUs, hourUs, minuteUs, secondUs } from '../domain/interval.ts';
import type { InstrumentFigures, MarketFigures } from './figures.ts';
import { productScale, valueScale } from './figures.ts';
import { askedWish, dailyWish, weeklyWish } from './period.ts';
import { btc, dayStartUs, eth, hostile, usualGaps } from './recorded-day.test-fixture.ts';
import { openTestWorkshop } from './workshop.test-fixture.ts';

const date = '2026-03-18';
const wholeDay = { fromUs: dayStartUs - hourUs, toUs: dayStartUs + dayUs + hourUs, gaps: usualGaps };
const exact = (value: bigint) => formatScaled(value, valueScale);

test('the figures of a day are the answers of SQL, to the last digit', async (t) => {
  const { figures, sql } = await openTestWorkshop(t, [wholeDay]);
  for (const instrument of [btc, hostile]) {
    const found = (await figures(dailyWish(instrumentId(instrument), date))) as InstrumentFigures;
    const symbol = instrument.symbol.replaceAll("'", "''");
    const [day] =
      await sql(`SELECT open, high, low, close, volume, quote_volume, trade_count, taker_buy_volume, taker_buy_quote_volume,
      first_trade_id, last_trade_id FROM candles WHERE symbol = '${symbol}' AND "interval" = '1d' AND opened_at = make_timestamptz(${dayStartUs})`);
    const { whole, profile } = found;
    assert.ok(whole !== undefined && profile !== undefined);
    assert.deepEqual(
      [
        exact(whole.open),
        exact(whole.high),
        exact(whole.low),
        exact(whole.close),
        exact(whole.volume),
        formatScaled(whole.quoteVolume, productScale),
        String(whole.tradeCount),
        exact(whole.takerBuyVolume),
        formatScaled(whole.takerBuyQuoteVolume, productScale),
        String(whole.firstTradeId),
        String(whole.lastTradeId),
      ],
      day,
    );
    const sum = profile.bins.reduce((total, bin) => total + bin.volume, 0n);
    const bought = profile.bins.reduce((total, bin) => total + bin.takerBuyVolume, 0n);
    assert.deepEqual([exact(sum), exact(bought)], [day?.[4], day?.[7]]);
    const [inOneBin] =
      await sql(`SELECT sum(quantity) FROM trades WHERE symbol = '${symbol}' AND traded_at >= make_timestamptz(${dayStartUs})
      AND traded_at < make_timestamptz(${dayStartUs + dayUs}) AND price >= ${exact(profile.bins[3]!.index * profile.step)} AND price < ${exact((profile.bins[3]!.index + 1n) * profile.step)}`);
    assert.equal(exact(profile.bins[3]!.volume), inOneBin?.[0]);
  }
});

test('the mean spread is that of every second, counted one by one', async (t) => {
  const { figures, sql } = await openTestWorkshop(t, [{ ...wholeDay, instruments: [btc] }]);
  const wish = askedWish(instrumentId(btc), dayStartUs + 890 * minuteUs, dayStartUs + 940 * minuteUs);
  const found = (await figures(wish)) as InstrumentFigures;
  const quotes = (
    await sql(`SELECT epoch_us(received_at) // 1000000, bid_price, ask_price FROM book_tickers WHERE received_at >= make_timestamptz(${wish.fromUs})
      AND received_at < make_timestamptz(${wish.toUs}) ORDER BY update_id`)
  ).map(([second, bid, ask]) => ({ second: Number(second), bid: Number(bid), ask: Number(ask) }));
  const gap = usualGaps.find(({ stream }) => stream === 'book-ticker')!;
  const byMinute = new Map<number, number[]>();
  for (let second = quotes[0]!.second; second <= quotes.at(-1)!.second; second++) {
    const quote = quotes.findLast((one) => one.second <= second)!;
    const isLost = quote.second * secondUs <= gap.openedAtUs && second * secondUs > gap.openedAtUs;
    if (isLost) continue;
    const minute = Math.floor(second / 60) * 60;
    byMinute.set(minute, [
      ...(byMinute.get(minute) ?? []),
      ((quote.ask - quote.bid) / ((quote.ask + quote.bid) / 2)) * 10_000,
    ]);
  }
  assert.equal(found.spread.length, byMinute.size);
  for (const bucket of found.spread) {
    const seconds = byMinute.get(bucket.openedAtUs / secondUs)!;
    assert.equal(bucket.knownSeconds, seconds.length);
    const mean = seconds.reduce((a, b) => a + b, 0) / seconds.length;
    assert.ok(Math.abs(bucket.meanBps - mean) < 1e-5, `${bucket.meanBps} is ${mean}`);
    assert.ok(Math.abs(bucket.worstBps - Math.max(...seconds)) < 1e-5);
  }
});

test('depth within a band is the sum of its levels, and unknown where the book does not reach', async (t) => {
  const { figures, sql } = await openTestWorkshop(t, [{ ...wholeDay, instruments: [btc] }]);
  const { depth } = (await figures(dailyWish(instrumentId(btc), date))) as InstrumentFigures;
  assert.ok(depth.length > 100);
  const sample = depth[50]!;
  const levels = (
    await sql(`SELECT is_bid, price, quantity FROM book_snapshots WHERE epoch_us(event_at) = ${sample.atUs}`)
  ).map(([isBid, price, quantity]) => ({ isBid: isBid === 'true', price: Number(price), quantity: Number(quantity) }));
  const bids = levels.filter(({ isBid }) => isBid);
  const middle =
    (Math.max(...bids.map(({ price }) => price)) +
      Math.min(...levels.filter(({ isBid }) => !isBid).map(({ price }) => price))) /
    2;
  const within = bids
    .filter(({ price }) => price >= middle * (1 - 10 / 10_000))
    .reduce((sum, { quantity }) => sum + quantity, 0);
  assert.ok(Math.abs(sample.bids[1]! - within) < 1e-6);
  const farthest = Math.min(...bids.map(({ price }) => price));
  for (const [at, band] of [5, 10, 25, 50].entries()) {
    assert.equal(sample.bids[at] === undefined, farthest > middle * (1 - band / 10_000));
  }
});

test('held counts the ids that are there against those that existed; declared time is not known time', async (t) => {
  const gaps = [
    {
      stream: 'trade',
      openedAtUs: dayStartUs + hourUs,
      closedAtUs: dayStartUs + hourUs + minuteUs,
      ids: 40,
      heldCount: 30,
      state: 'declared',
      reason: 'server-drop',
    },
    {
      stream: 'trade',
      openedAtUs: dayStartUs + 2 * hourUs,
      closedAtUs: dayStartUs + 2 * hourUs + minuteUs,
      ids: 9,
      heldCount: 0,
      state: 'declared',
      reason: 'off-book',
    },
    ...usualGaps.filter(({ stream }) => stream === 'depth'),
  ] as const;
  const { figures, sql } = await openTestWorkshop(t, [
    { ...wholeDay, instruments: [btc], gaps: gaps.slice(0, 1) },
    {
      ...wholeDay,
      fromUs: dayStartUs + 30 * hourUs,
      toUs: dayStartUs + 31 * hourUs,
      instruments: [btc],
      gaps: gaps.slice(1),
    },
  ]);
  const found = await figures(dailyWish(instrumentId(btc), date));
  const [[count]] = (await sql(
    `SELECT count(*) FROM trades WHERE traded_at >= make_timestamptz(${dayStartUs}) AND traded_at < make_timestamptz(${dayStartUs + dayUs})`,
  )) as [[string]];
  const trade = found.streams.find(({ stream }) => stream === 'trade')!;
  assert.deepEqual(trade.held, { ids: Number(count), of: Number(count) + 10 });
  const depth = found.streams.find(({ stream }) => stream === 'depth')!;
  assert.equal(depth.toUs - depth.fromUs - depth.knownUs, 36 * minuteUs);
  assert.equal(found.state, 'partial');
});

test('a day that is held whole is final, one with forming candles, open gaps or no end yet is provisional, and says why', async (t) => {
  const whole = { ...wholeDay, instruments: [btc], gaps: [], hasBooks: false, tradeEveryUs: minuteUs };
  const state = async (days: Parameters<typeof openTestWorkshop>[1]) => {
    const { figures } = await openTestWorkshop(t, days);
    const { state: found, unsettled } = await figures(dailyWish(instrumentId(btc), date));
    return [found, unsettled.join('; ')];
  };
  assert.deepEqual(await state([whole]), ['final', '']);
  assert.deepEqual(await state([{ ...whole, toUs: dayStartUs + 5 * hourUs }]), [
    'provisional',
    'records end at 2026-03-18 04:59:00 UTC, before the end of the range',
  ]);
  assert.deepEqual(
    await state([
      {
        ...whole,
        states: [{ fromUs: dayStartUs + hourUs, toUs: dayStartUs + hourUs + 2 * minuteUs, state: 'provisional' }],
      },
    ]),
    ['provisional', '2 candles are not yet verified'],
  );
  assert.deepEqual(await state([{ ...whole, gaps: [{ ...usualGaps[0]!, state: 'repairing' }] }]), [
    'provisional',
    'one gap is still open or being repaired',
  ]);
  assert.equal((await state([{ ...whole, fromUs: dayStartUs + 3 * hourUs }]))[0], 'partial');
});

test('a quiet instrument in a market that goes on is final when its ids say so', async (t) => {
  const quiet = {
    ...wholeDay,
    instruments: [btc],
    gaps: [],
    hasBooks: false,
    tradeEveryUs: 2 * hourUs,
    hasEmptyMinutes: true,
    fromUs: dayStartUs - 3 * hourUs,
    toUs: dayStartUs + dayUs,
  };
  const { figures, recorded } = await openTestWorkshop(t, [quiet]);
  assert.equal((await figures(dailyWish(instrumentId(btc), date))).state, 'provisional');
  await recorded.record({ ...wholeDay, instruments: [eth], gaps: [], hasBooks: false });
  const found = (await figures(dailyWish(instrumentId(btc), date))) as InstrumentFigures;
  assert.deepEqual(found.unsettled, []);
  assert.deepEqual([found.state, found.whole?.tradeCount], ['final', 12]);
});

test('a range of which nothing is held has no report, and one with gaps alone has', async (t) => {
  const { figures } = await openTestWorkshop(t, [{ ...wholeDay, instruments: [btc], hasBooks: false }]);
  const isRefused = (error: unknown) => error instanceof TidemarkError && error.code === 'not-recorded';
  await assert.rejects(figures(dailyWish('market', '2026-04-01')), isRefused);
  await assert.rejects(figures(dailyWish(instrumentId(eth), date)), isRefused);
  const lasting = {
    stream: 'trade',
    openedAtUs: dayStartUs,
    closedAtUs: Number.NaN,
    ids: 5,
    state: 'open',
    reason: 'disconnect',
  } as const;
  const other = await openTestWorkshop(t, [{ ...wholeDay, instruments: [btc], gaps: [lasting], hasBooks: false }]);
  const found = (await other.figures(dailyWish(instrumentId(btc), '2026-03-20'))) as InstrumentFigures;
  assert.equal(found.whole, undefined);
  assert.equal(found.state, 'provisional');
});

test('a market report has every instrument with its own figures, and correlations that are symmetric', async (t) => {
  const { figures } = await openTestWorkshop(t, [wholeDay]);
  const found = (await figures(dailyWish('market', date))) as MarketFigures;
  const own = (await figures(dailyWish(instrumentId(eth), date))) as InstrumentFigures;
  const row = found.peers.find(({ fact }) => fact.instrument === instrumentId(eth))!;
  assert.deepEqual({ ...row.bar, state: 'final' }, { ...own.whole, state: 'final' });
  assert.deepEqual(row.volatility, own.volatility);
  assert.deepEqual(
    new Set(found.peers.map(({ fact }) => fact.instrument)),
    new Set([btc, eth, hostile].map(instrumentId)),
  );
  for (const [at, cells] of found.correlations.entries()) {
    for (const [column, cell] of cells.entries()) assert.deepEqual(cell, found.correlations[column]![at]);
  }
  assert.ok(found.correlations[0]![1]!.value > 0.5, 'they were made to move together');
});

test('a week adds up its days', async (t) => {
  const { figures, sql } = await openTestWorkshop(t, [
    {
      ...wholeDay,
      instruments: [btc],
      tradeEveryUs: 60 * secondUs,
      hasBooks: false,
      fromUs: dayStartUs - 2 * dayUs,
      toUs: dayStartUs + 5 * dayUs + minuteUs,
      gaps: [],
    },
  ]);
  const found = (await figures(weeklyWish(instrumentId(btc), date))) as InstrumentFigures;
  const [day] = await sql(
    `SELECT sum(volume), sum(quote_volume), sum(trade_count) FROM candles WHERE "interval" = '1d' AND opened_at < '2026-03-23'`,
  );
  assert.deepEqual(
    [exact(found.whole!.volume), formatScaled(found.whole!.quoteVolume, productScale), String(found.whole!.tradeCount)],
    day,
  );
  assert.deepEqual([found.grain.chart, found.grain.table, found.bars.length], ['1h', '6h', 7 * 1440]);
  assert.equal(found.spread.length + found.depth.length, 0);
});

test('all of a report is of one catalog version, whatever is committed while it reads', async (t) => {
  const { recorded, workshop } = await openTestWorkshop(t, [
    { ...wholeDay, instruments: [btc], tradeEveryUs: minuteUs },
  ]);
  const { readFigures } = await import('./read-figures.ts');
  const { LakeVersion } = await import('./lake-version.ts');
  const read = async () => {
    const lake = await LakeVersion.newest(recorded.lake, recorded.blobs, workshop.warehouse);
    const figures = await readFigures(lake, {
      wish: dailyWish(instrumentId(btc), date),
      dataKind: 'simulated',
      onProgress: () => undefined,
    });
    return figures;
  };
  const lake = await LakeVersion.newest(recorded.lake, recorded.blobs, workshop.warehouse);
  const undisturbed = await read();
  await recorded.record({
    instruments: [btc, eth],
    gaps: usualGaps,
    seed: 2,
    fromUs: dayStartUs + hourUs,
    toUs: dayStartUs + 2 * hourUs,
  });
  await recorded.lake.compact();
  const later = await readFigures(lake, {
    wish: dailyWish(instrumentId(btc), date),
    dataKind: 'simulated',
    onProgress: () => undefined,
  });
  assert.deepEqual(later, undisturbed);
  assert.notDeepEqual(await read(), undisturbed);
});
