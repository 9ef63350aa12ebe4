import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Batch } from '../domain/batch.ts';
import type { SnapshotEvent } from '../domain/decoded.ts';
import { DepthBatch } from '../domain/depth-batch.ts';
import type { Market } from '../domain/instrument.ts';
import { Slots } from '../domain/slots.ts';
import { bookSnapshots } from '../domain/tables/index.ts';
import { OrderBook } from './order-book.ts';

type Change = readonly [isBid: boolean, price: number, quantity: number];

interface Event {
  readonly first: number;
  readonly final: number;
  readonly previous: number;
  readonly atUs: number;
  readonly changes: readonly Change[];
}

const slots = new Slots();
const slot = slots.atLeast({ venue: 'binance', market: 'spot', symbol: 'XYZ' }, 2, 3);

/** What the venue has: every event, and the book after every update id. */
class Venue {
  readonly market: Market;
  readonly events: Event[] = [];
  readonly #books: { id: number; bids: Map<number, number>; asks: Map<number, number> }[] = [];

  constructor(market: Market, drafts: readonly { readonly size: number; readonly changes: readonly Change[] }[]) {
    this.market = market;
    const bids = new Map<number, number>();
    const asks = new Map<number, number>();
    let last = 1000;
    this.#books.push({ id: last, bids: new Map(), asks: new Map() });
    for (const { size, changes } of drafts) {
      // Futures ids are shared by all symbols: events start later than the one before ended.
      const first = last + (market === 'spot' ? 1 : 3);
      const final = first + size;
      for (const [isBid, price, quantity] of changes) {
        const side = isBid ? bids : asks;
        if (quantity === 0) side.delete(price);
        else side.set(price, quantity);
      }
      this.events.push({
        first,
        final,
        previous: market === 'spot' ? Number.NaN : last,
        atUs: final * 1000,
        changes,
      });
      this.#books.push({ id: final, bids: new Map(bids), asks: new Map(asks) });
      last = final;
    }
  }

  /** The book after the first `events` events, as REST would give it. */
  snapshot(events: number, limit = 5000): SnapshotEvent {
    const { id, bids, asks } = this.#books[events]!;
    const best = (side: Map<number, number>, sign: number) =>
      [...side].sort((a, b) => (a[0] - b[0]) * sign).slice(0, limit);
    const bidLevels = best(bids, -1);
    const askLevels = best(asks, 1);
    return {
      slot: slot.index,
      lastUpdateId: id,
      bidPrices: Float64Array.from(bidLevels, (level) => level[0]),
      bidQuantities: Float64Array.from(bidLevels, (level) => level[1]),
      askPrices: Float64Array.from(askLevels, (level) => level[0]),
      askQuantities: Float64Array.from(askLevels, (level) => level[1]),
      limit,
      receivedAtUs: id * 1000 + 7,
    };
  }

  levels(events: number) {
    const { bids, asks } = this.#books[events]!;
    const rows = (side: Map<number, number>, sign: number) =>
      [...side].sort((a, b) => (a[0] - b[0]) * sign).map(([price, quantity]) => ({ price, quantity }));
    return { bids: rows(bids, -1), asks: rows(asks, 1) };
  }
}

function feed(book: OrderBook, event: Event): ReturnType<OrderBook['apply']> {
  const batch = new DepthBatch();
  const index = batch.addEvent(slot.index);
  batch.firstUpdateId[index] = event.first;
  batch.finalUpdateId[index] = event.final;
  batch.previousUpdateId[index] = event.previous;
  batch.eventAtUs[index] = event.atUs;
  for (const [isBid, price, quantity] of event.changes) batch.addLevel(isBid ? 1 : 0, price, quantity);
  return book.apply(batch, index, slots);
}

// Bids stay below 500 and asks above, so that the venue itself is never crossed.
const change = fc.oneof(
  fc.tuple(fc.constant(true), fc.integer({ min: 440, max: 499 }), fc.integer({ min: 0, max: 5 })),
  fc.tuple(fc.constant(false), fc.integer({ min: 501, max: 560 }), fc.integer({ min: 0, max: 5 })),
);
const drafts = fc.array(
  fc.record({ size: fc.integer({ min: 0, max: 5 }), changes: fc.array(change, { maxLength: 8 }) }),
  { minLength: 1, maxLength: 25 },
);
const market = fc.constantFrom<Market>('spot', 'usdm');

test('from any snapshot on, the book equals the venue’s after every event', () => {
  fc.assert(
    fc.property(market, drafts, fc.nat(), (name, given, where) => {
      const venue = new Venue(name, given);
      const at = where % given.length;
      const book = new OrderBook(name);
      venue.events.forEach((event, index) => {
        feed(book, event);
        if (index === at) book.snapshot(venue.snapshot(at), slots);
        if (book.state === 'synced') assert.deepEqual(book.top(1000), venue.levels(index + 1));
      });
      assert.equal(book.state, 'synced');
      assert.equal(book.resyncs, 0);
      assert.equal(book.updateId, venue.events.at(-1)!.final);
    }),
    { numRuns: 300 },
  );
});

test('it makes no difference when snapshots are read between the events, losses included', () => {
  fc.assert(
    fc.property(
      market,
      drafts,
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(3, 8, 5000)), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
      (name, given, lost, asked, choices) => {
        const venue = new Venue(name, given);
        const lostAt = new Set(lost.map((index) => index % given.length));
        const events = venue.events.filter((_, index) => !lostAt.has(index));
        const snapshots = asked.map(([index, limit]) => venue.snapshot(index % (given.length + 1), limit));
        const run = (wantsEvent: (step: number) => boolean) => {
          const book = new OrderBook(name);
          let e = 0;
          let s = 0;
          for (let step = 0; e < events.length || s < snapshots.length; step++) {
            if (s === snapshots.length || (e < events.length && wantsEvent(step))) feed(book, events[e++]!);
            else book.snapshot(snapshots[s++]!, slots);
          }
          const { state, ...json } = book.toJSON();
          // Whether an unsynced book was synced before is all that reading order may show.
          return { ...json, isSynced: state === 'synced', updateId: state === 'synced' ? json.updateId : null,
            eventAtUs: state === 'synced' ? json.eventAtUs : null,
            margins: null, snapshotAtUs: state === 'synced' ? json.snapshotAtUs : null }; // biome-ignore format: short
        };
        const eventsFirst = run(() => true);
        assert.deepEqual(
          run((step) => choices[step % choices.length]!),
          eventsFirst,
        );
        assert.deepEqual(
          run(() => false),
          eventsFirst,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('the books written after each snapshot are the same whenever the snapshots are read, losses included', () => {
  fc.assert(
    fc.property(
      market,
      drafts,
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
      (name, given, lost, asked, choices) => {
        const venue = new Venue(name, given);
        const lostAt = new Set(lost.map((index) => index % given.length));
        const events = venue.events.filter((_, index) => !lostAt.has(index));
        const ordered = asked.map((index) => index % (given.length + 1)).sort((a, b) => a - b);
        const snapshots = ordered.map((index) => venue.snapshot(index));
        const run = (wantsEvent: (step: number) => boolean) => {
          const book = new OrderBook(name);
          const written: unknown[] = [];
          book.afterEvent = () => {
            if (!book.isUnwritten) return;
            const rows = new Batch(bookSnapshots, 16);
            book.writeSnapshotRows(rows, slot);
            const { update_id, price, quantity, is_within_horizon } = rows.columns;
            written.push(
              [update_id, price, quantity, is_within_horizon].map((column) => [...column.slice(0, rows.length)]),
            );
          };
          let e = 0;
          let s = 0;
          for (let step = 0; e < events.length || s < snapshots.length; step++) {
            if (s === snapshots.length || (e < events.length && wantsEvent(step))) feed(book, events[e++]!);
            else book.snapshot(snapshots[s++]!, slots);
          }
          return written;
        };
        const eventsFirst = run(() => true);
        assert.deepEqual(
          run((step) => choices[step % choices.length]!),
          eventsFirst,
        );
        assert.deepEqual(
          run(() => false),
          eventsFirst,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('a lost event is one gap, and the book is invalid until a snapshot from after it', () => {
  for (const name of ['spot', 'usdm'] as const) {
    const given = Array.from({ length: 8 }, (_, index): { size: number; changes: Change[] } => ({
      // The smallest loss there is: one update id.
      size: 0,
      changes: [
        [true, 490 + index, 1],
        [false, 510 + index, 1],
      ],
    }));
    const venue = new Venue(name, given);
    const book = new OrderBook(name);
    feed(book, venue.events[0]!);
    assert.equal(book.needsSnapshot, true);
    assert.equal(book.snapshot(venue.snapshot(0), slots), 'synced');
    assert.equal(feed(book, venue.events[1]!), 'applied');
    assert.equal(feed(book, venue.events[1]!), 'ignored');
    assert.equal(feed(book, venue.events[3]!), 'gap');
    assert.equal(book.state, 'gap');
    assert.equal(book.best(), undefined);
    assert.equal(feed(book, venue.events[4]!), 'buffered');
    assert.equal(book.wantsSnapshotAfterUpdateId, venue.events[2]!.final);
    assert.equal(book.snapshot(venue.snapshot(2), slots), 'too-old');
    assert.equal(book.needsSnapshot, true);
    assert.equal(book.snapshot(venue.snapshot(5), slots), 'waiting');
    assert.equal(book.needsSnapshot, false);
    assert.equal(feed(book, venue.events[5]!), 'applied');
    assert.deepEqual(book.top(100), venue.levels(6));
    assert.equal(book.resyncs, 1);
  }
});

test('a spot book that looks crossed after a whole event is a local error', () => {
  const venue = new Venue('spot', [
    { size: 0, changes: [[true, 499, 1], [false, 501, 1]] },
    { size: 0, changes: [[true, 501, 2], [false, 501, 0], [false, 502, 1]] },
    { size: 0, changes: [[true, 502, 1]] },
  ]); // biome-ignore format: an event a line
  const book = new OrderBook('spot');
  feed(book, venue.events[0]!);
  book.snapshot(venue.snapshot(0), slots);
  assert.equal(feed(book, venue.events[1]!), 'applied', 'crossed between its levels only');
  assert.equal(feed(book, venue.events[2]!), 'gap');
  assert.deepEqual(
    book.takeFindings().map((finding) => finding.code),
    ['book-crossed'],
  );
  assert.deepEqual(book.takeFindings(), []);
});

test('the known range ends at the last level of a full snapshot and nowhere when the side was shorter', () => {
  const venue = new Venue('spot', [
    { size: 0, changes: [[true, 499, 1], [true, 498, 1], [true, 497, 1], [false, 501, 1], [false, 502, 1]] },
    { size: 0, changes: [[true, 490, 4]] },
  ]); // biome-ignore format: an event a line
  const book = new OrderBook('spot');
  feed(book, venue.events[0]!);
  book.snapshot(venue.snapshot(1, 3), slots);
  feed(book, venue.events[1]!);
  assert.equal(book.knownFromPrice, 497);
  assert.equal(book.knownToPrice, Number.POSITIVE_INFINITY);
  assert.equal(book.levelCount('bid'), 4, 'levels beyond the horizon count');
  const rows = new Batch(bookSnapshots);
  assert.equal(book.writeSnapshotRows(rows, slot), 6);
  const column = <T>(values: ArrayLike<T>) => Array.from(values).slice(0, 6);
  assert.deepEqual(column(rows.columns.is_bid), [0, 0, 1, 1, 1, 1]);
  assert.deepEqual(column(rows.columns.price), [501, 502, 490, 497, 498, 499]);
  assert.deepEqual(column(rows.columns.is_within_horizon), [1, 1, 0, 1, 1, 1]);
});

test('a market that nears the end of the known range asks for a wider snapshot and takes it without a gap', () => {
  const levels = (from: number): Change[] =>
    Array.from({ length: 20 }, (_, i): Change[] => [[true, from - i, 1], [false, from + 1 + i, 1]]).flat(); // biome-ignore format: short
  const venue = new Venue('spot', [
    { size: 0, changes: levels(1000) },
    { size: 0, changes: [[true, 999, 2]] },
    { size: 0, changes: [...Array.from({ length: 9 }, (_, i): Change => [false, 1001 + i, 0]), [false, 1025, 3]] },
    { size: 0, changes: [[false, 1026, 3]] },
    { size: 0, changes: [[false, 1027, 3]] },
  ]);
  const book = new OrderBook('spot');
  feed(book, venue.events[0]!);
  book.snapshot(venue.snapshot(1, 10), slots);
  feed(book, venue.events[1]!);
  assert.equal(book.needsSnapshot, false);
  feed(book, venue.events[2]!);
  assert.equal(book.state, 'synced');
  assert.equal(book.needsSnapshot, true);
  assert.notDeepEqual(book.top(100), venue.levels(3), 'levels beyond the horizon are not known');
  feed(book, venue.events[3]!);
  assert.equal(book.snapshot(venue.snapshot(3), slots), 'synced');
  assert.deepEqual(book.top(100), venue.levels(4));
  feed(book, venue.events[4]!);
  assert.deepEqual(book.top(100), venue.levels(5));
  assert.equal(book.resyncs, 0);
});

test('what a book in use knows beyond a new snapshot stays known', () => {
  const levels = (from: number): Change[] =>
    Array.from({ length: 20 }, (_, i): Change[] => [[true, from - i, 1], [false, from + 1 + i, 1]]).flat(); // biome-ignore format: short
  const venue = new Venue('spot', [
    { size: 0, changes: levels(1000) },
    { size: 0, changes: Array.from({ length: 9 }, (_, i): Change => [false, 1001 + i, 0]) },
    { size: 0, changes: [[true, 1005, 3]] },
    { size: 0, changes: [[true, 1004, 3]] },
  ]);
  const book = new OrderBook('spot');
  feed(book, venue.events[0]!);
  book.snapshot(venue.snapshot(1, 10), slots);
  feed(book, venue.events[1]!);
  assert.equal(book.needsSnapshot, true, 'no level is left above the asks that are known');
  feed(book, venue.events[2]!);
  assert.equal(book.snapshot(venue.snapshot(2, 4), slots), 'synced');
  feed(book, venue.events[3]!);
  assert.deepEqual([book.knownFromPrice, book.knownToPrice], [991, 1013]);
  const known = venue.levels(4);
  assert.deepEqual(book.top(100), { bids: known.bids.slice(0, 12), asks: known.asks.slice(0, 4) });
});

test('a book resumed from its checkpoint after any event goes on as one that never stopped', () => {
  fc.assert(
    fc.property(market, drafts, fc.nat(), fc.nat(), fc.nat(), (name, given, stop, asked, lost) => {
      const venue = new Venue(name, given);
      const whole = new OrderBook(name);
      let resumed = new OrderBook(name);
      venue.events.forEach((event, index) => {
        if (index === stop % given.length) resumed = OrderBook.fromJSON(JSON.parse(JSON.stringify(resumed)));
        if (index === lost % (given.length * 2)) return;
        assert.equal(feed(resumed, event), feed(whole, event));
        if (index === asked % given.length) {
          assert.equal(resumed.snapshot(venue.snapshot(index), slots), whole.snapshot(venue.snapshot(index), slots));
        }
      });
      assert.deepEqual(resumed.toJSON(), whole.toJSON());
    }),
    { numRuns: 200 },
  );
});

test('finer scales in mid-stream change no level', () => {
  fc.assert(
    fc.property(drafts, fc.nat(), (given, where) => {
      const wider = new Slots();
      const coarse = wider.atLeast(slot.instrument, 2, 3);
      const fine = wider.atLeast(slot.instrument, 4, 5);
      const venue = new Venue('spot', given);
      const book = new OrderBook('spot');
      book.snapshot({ ...venue.snapshot(0), slot: coarse.index }, wider);
      venue.events.forEach((event, index) => {
        const isFine = index >= where % given.length && index % 3 !== 1;
        const batch = new DepthBatch();
        batch.addEvent((isFine ? fine : coarse).index);
        batch.firstUpdateId[0] = event.first;
        batch.finalUpdateId[0] = event.final;
        const factor = isFine ? 100 : 1;
        for (const [isBid, price, quantity] of event.changes) {
          batch.addLevel(isBid ? 1 : 0, price * factor, quantity * factor);
        }
        assert.equal(book.apply(batch, 0, wider), 'applied');
      });
      const factor = book.priceScale === 4 ? 100 : 1;
      const scaledUp = (levels: readonly { price: number; quantity: number }[]) =>
        levels.map(({ price, quantity }) => ({ price: price * factor, quantity: quantity * factor }));
      const wanted = venue.levels(given.length);
      assert.deepEqual(book.top(1000), { bids: scaledUp(wanted.bids), asks: scaledUp(wanted.asks) });
    }),
  );
});
