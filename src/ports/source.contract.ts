import assert from 'node:assert/strict';
import { Decoded } from '../domain/decoded.ts';
import { TidemarkError } from '../domain/error.ts';
import type { Instrument, Market } from '../domain/instrument.ts';

import { contract, type Exemptions, type Promises } from './promises.contract.ts';
import type { Plan, RestRequest, Source, StreamWish, VenueHosts } from './source.ts';

/** What a promise is shown on: a source with real messages of its venue, each of which becomes rows. */
export interface SourceUnderTest {
  /** A new one each time, as after a restart. */
  open(): Source;
  readonly hosts: VenueHosts;
  /** More than one connection may hold. */
  readonly wishes: readonly StreamWish[];
  readonly frames: readonly { readonly market: Market; readonly text: string }[];
  readonly answers: readonly { readonly request: RestRequest; readonly text: string }[];
}

const encoder = new TextEncoder();

function newDecoded(market: Market): Decoded {
  const out = new Decoded();
  Object.assign(out.record, { market, writer: 'recorder', receivedAtUs: 1_700_000_000_000_000 });
  return out;
}

/** Everything decoded, as text; scales with every row. */
function shown(out: Decoded): string {
  const batches = [out.trades, out.aggTrades, out.bookTickers, out.tickers, out.venueCandles, out.findings];
  const rows = batches.map((batch) => [
    batch.spec.name,
    Array.from(batch.slot.subarray(0, batch.length), (slot) => {
      const { id, priceScale, quantityScale } = out.slots.get(slot);
      return [id, priceScale, quantityScale];
    }),
    Object.entries(batch.columns).map(([name, column]) => [name, Array.from(column).slice(0, batch.length)]),
  ]);
  const { depth } = out;
  const levels = depth.length === 0 ? 0 : depth.levelStart[depth.length]!;
  const sides = [depth.isBid, depth.price, depth.quantity].map((column) => Array.from(column).slice(0, levels));
  const ids = [depth.firstUpdateId, depth.finalUpdateId, depth.previousUpdateId, depth.eventAtUs].map((column) =>
    Array.from(column).slice(0, depth.length),
  );
  const rest = [out.snapshots, out.instruments, out.latestIds, out.controls, out.newestEventAtUs, out.serverTimeUs];
  return JSON.stringify([rows, sides, ids, rest], (_, value) => {
    if (typeof value === 'bigint') return `${value}n`;
    return value instanceof Float64Array ? [...value] : value;
  });
}

const rowsIn = (out: Decoded): boolean => {
  const { findings } = out;
  const count = findings.length;
  findings.length = 0;
  const isEmpty = out.isEmpty;
  findings.length = count;
  return !isEmpty;
};

/** Decodes one frame that lies amid other bytes. */
function decode(source: Source, market: Market, frame: Uint8Array, out = newDecoded(market), around = '"x":1}{'): Decoded {
  const margin = encoder.encode(around);
  const bytes = new Uint8Array(frame.length + 2 * margin.length);
  bytes.set(margin);
  bytes.set(frame, margin.length);
  bytes.set(margin, margin.length + frame.length);
  source.decodeFrame(bytes, margin.length, margin.length + frame.length, out);
  return out;
} // biome-ignore format: one line

function answer(source: Source, request: RestRequest, status: number, body: Uint8Array): Decoded {
  const out = newDecoded(request.market);
  out.record.origin = 'rest';
  // Shows whether the answer said the time.
  out.serverTimeUs = Number.MAX_SAFE_INTEGER;
  source.decodeResponse(request, status, body, out);
  return out;
}

const allStreams = (plan: Plan) => plan.sessions.flatMap(({ streams }) => streams);

const promises: Promises<SourceUnderTest> = {
  'a plan holds every wish exactly once, in sessions of their market with names of their own': (under) => {
    const { hosts, wishes } = under;
    const asked = { streams: [...wishes, ...wishes.slice(0, 3)], hosts, dataKind: 'live', venueTime: { mode: 'wall', offsetUs: 0 } } as const; // biome-ignore format: options
    const plan = under.open().plan(asked);
    const key = ({ instrument, kind, interval }: StreamWish) => JSON.stringify([instrument, kind, interval ?? null]);
    assert.deepEqual(allStreams(plan).map(key).sort(), wishes.map(key).sort());
    assert.equal(new Set(plan.sessions.map(({ id }) => id)).size, plan.sessions.length);
    assert.ok(plan.sessions.length > 1);
    for (const { market, streams, urls, limits } of plan.sessions) {
      assert.ok(streams.every(({ instrument }) => instrument.market === market));
      assert.equal(new Set(streams.map(({ name }) => name)).size, streams.length);
      assert.ok(urls.length > 0 && urls.every((url) => /^wss?:/.test(url)));
      for (const [name, limit] of Object.entries(limits)) assert.ok(Number.isFinite(limit) && limit > 0, name);
    }
  },
  'the same wishes give the same plan, which says the same after it was written and read': (under) => {
    const { hosts, wishes: streams } = under;
    const asked = { streams, hosts, dataKind: 'replay', venueTime: { mode: 'frames' } } as const;
    const plan = under.open().plan(asked);
    assert.deepEqual(under.open().plan(asked), plan);
    assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
  },
  'streams of a market without hosts, and streams that the venue does not have, are refused by name': (under) => {
    const source = under.open();
    const ask = (streams: readonly StreamWish[], hosts: VenueHosts) => () =>
      source.plan({ streams, hosts, dataKind: 'live', venueTime: { mode: 'frames' } });
    assert.throws(ask(under.wishes.slice(0, 1), { streams: {}, rest: {} }), TidemarkError);
    const { instrument } = under.wishes[0]!;
    assert.throws(ask([{ instrument, kind: 'kline', interval: '5s' }], under.hosts), TidemarkError);
  },
  'a subscription names every stream and its request': (under) => {
    const source = under.open();
    const names = ['one@trade', 'two@trade'];
    const text = source.subscribeMessage(names, 71);
    for (const word of [...names, '71']) assert.ok(text.includes(word));
    assert.equal(source.subscribeMessage(names, 71), text);
  },
  'every market of the plan has a weight budget, a header of its own and requests that stay within it': (under) => {
    const source = under.open();
    for (const market of new Set(under.wishes.map(({ instrument }) => instrument.market))) {
      const { weightPerMinute, usedWeightHeader, pool } = source.restLimits(market);
      assert.ok(weightPerMinute > 0 && pool !== '');
      assert.equal(usedWeightHeader, usedWeightHeader.toLowerCase());
      for (const request of questions(source, market)) {
        assert.ok(request.weight > 0 && request.weight <= weightPerMinute / 4, request.purpose);
        assert.ok(request.path.startsWith('/'));
        assert.equal(request.market, market);
        assert.ok((request.limit ?? 1) <= 5000);
        assert.deepEqual(JSON.parse(JSON.stringify(request)), request);
      }
    }
  },
  'each frame of the venue becomes rows, the same each time, whatever lies around it': (under) => {
    for (const { market, text } of under.frames) {
      const bytes = encoder.encode(text);
      const source = under.open();
      const first = decode(source, market, bytes);
      assert.ok(rowsIn(first) && first.findings.length === 0, text);
      for (const around of ['', '"}}', '00000000', '\0\0\0\0\0\0\0\0']) {
        // The second time by a source that knows the symbol.
        assert.equal(shown(decode(source, market, bytes, newDecoded(market), around)), shown(first), text);
      }
    }
  },
  'what a source decoded before changes nothing but the scales of the next rows': (under) => {
    const fresh = under.frames.map(({ market, text }) => shown(decode(under.open(), market, encoder.encode(text))));
    const used = under.open();
    for (const { market, text } of under.frames) decode(used, market, encoder.encode(text.slice(0, -9)));
    for (const [at, { market, text }] of under.frames.entries()) {
      assert.equal(shown(decode(used, market, encoder.encode(text))), fresh[at]);
    }
  },
  'rows are added to those that are there': (under) => {
    const source = under.open();
    for (const { market, text } of under.frames) {
      const out = decode(source, market, encoder.encode(text));
      const before = out.trades.length + out.bookTickers.length + out.depth.length + out.aggTrades.length;
      out.record.sequence++;
      decode(source, market, encoder.encode(text), out);
      const after = out.trades.length + out.bookTickers.length + out.depth.length + out.aggTrades.length;
      assert.equal(after, 2 * before);
    }
  },
  'a frame cut at any byte is one finding and no row': (under) => {
    const source = under.open();
    for (const { market, text } of under.frames) {
      const bytes = encoder.encode(text);
      decode(source, market, bytes);
      for (let length = 0; length < bytes.length; length++) {
        const out = decode(source, market, bytes.subarray(0, length));
        assert.ok(out.findings.length === 1 && !rowsIn(out), `${length} bytes of ${text}`);
      }
    }
  },
  'two frames in one, binary, empty or without meaning are one finding and no row': (under) => {
    const source = under.open();
    for (const { market, text } of under.frames) {
      const frame = encoder.encode(text);
      const bad: (string | Uint8Array)[] = [
        text + text,
        `${text} `.repeat(3),
        `x${text}`,
        `${text}\0`,
        '',
        ' ',
        '{}',
        '[{}]',
        'null',
        'true',
        '12',
        '"text"',
        '<html><body>502 Bad Gateway</body></html>',
        Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xfe),
        new Uint8Array(300),
        new Uint8Array(300).fill(0xff),
        frame.map((byte) => byte ^ 0x80),
      ];
      for (const one of bad) {
        const out = decode(source, market, typeof one === 'string' ? encoder.encode(one) : one);
        assert.ok(out.findings.length === 1 && !rowsIn(out), String(one).slice(0, 300));
        assert.ok(out.findings.columns.detail[0]!.length <= 600);
      }
    }
  },
  'text that is not UTF-8 never becomes part of a name': (under) => {
    for (const { market, text } of under.frames) {
      const frame = encoder.encode(text);
      const known = new Set(decode(under.open(), market, frame).slots.all.map(({ id }) => id));
      for (const byte of [0x80, 0xc3, 0xff]) {
        for (let at = 0; at < frame.length; at++) {
          const bytes = Uint8Array.from(frame);
          bytes[at] = byte;
          const out = decode(under.open(), market, bytes);
          for (const { id } of out.slots.all) assert.ok(known.has(id) || id.endsWith(':-'), `${id} of byte ${at}`);
        }
      }
    }
  },
  'a bit flipped anywhere gives rows or a finding, never an exception': (under) => {
    const source = under.open();
    for (const { market, text } of under.frames) {
      const frame = encoder.encode(text);
      for (let at = 0; at < frame.length; at++) {
        for (const bit of [at % 8, (at * 3 + 5) % 8]) {
          const bytes = Uint8Array.from(frame);
          bytes[at]! ^= 1 << bit;
          const out = decode(source, market, bytes);
          assert.ok(rowsIn(out) || out.findings.length === 1 || out.newestEventAtUs > 0, new TextDecoder().decode(bytes));
        }
      }
    }
  }, // biome-ignore format: as above
  'each answer of the venue becomes what was asked for, also when the question comes from a journal': (under) => {
    for (const { request, text } of under.answers) {
      const out = answer(under.open(), request, 200, encoder.encode(text));
      assert.equal(out.findings.length, 0, request.purpose);
      assert.ok(rowsIn(out) || out.serverTimeUs !== Number.MAX_SAFE_INTEGER, request.purpose);
      const stored = JSON.parse(JSON.stringify(request)) as RestRequest;
      assert.equal(shown(answer(under.open(), stored, 200, encoder.encode(text))), shown(out));
    }
  },
  'an answer that is no answer is one finding and no row, whatever was asked': (under) => {
    const source = under.open();
    for (const { request, text } of under.answers) {
      const bad = ['', ' ', '<html><h1>Just a moment…</h1></html>', text.slice(0, -1), text.slice(0, text.length >> 1), text + text, 'null', '7', '"x"', '{}', '[7]', '[null]', '[[]]', '[{}]', '{"code":-1,"msg":"?"}', '\uFEFF'];
      for (const body of bad) {
        const out = answer(source, request, 200, encoder.encode(body));
        assert.ok(out.findings.length === 1 && !rowsIn(out), `${request.purpose}: ${body.slice(0, 300)}`);
        assert.equal(out.serverTimeUs, Number.MAX_SAFE_INTEGER);
      }
      const binary = answer(source, request, 200, new Uint8Array(100).fill(0xf5));
      assert.ok(binary.findings.length === 1 && !rowsIn(binary));
    }
  }, // biome-ignore format: as above
  'an answer with values of the wrong type gives no row of them, and a finding': (under) => {
    const source = under.open();
    const wrong = [null, {}, [], true, 'x', -1, 1.5, 1e300, '1e5', '-', ''];
    for (const { request, text } of under.answers) {
      const good = shown(answer(source, request, 200, encoder.encode(text)));
      for (const value of wrong) {
        for (const changed of withEachReplaced(JSON.parse(text), value)) {
          const out = answer(source, request, 200, encoder.encode(JSON.stringify(changed)));
          const isUnused = shown(out) === good;
          const isOther = request.symbols !== undefined;
          assert.ok(isUnused || isOther || out.findings.length > 0 || rowsIn(out) || out.serverTimeUs !== Number.MAX_SAFE_INTEGER);
          for (const batch of [out.trades, out.aggTrades]) {
            for (const column of Object.values(batch.columns).slice(0, 3) as Float64Array[]) {
              for (let row = 0; row < batch.length; row++) assert.ok(Number.isSafeInteger(column[row]) && column[row]! >= 0);
            }
          }
        }
      }
    }
  }, // biome-ignore format: as above
  'a refusal is one finding that says its status, whatever its body': (under) => {
    const source = under.open();
    for (const { request, text } of under.answers) {
      for (const status of [400, 403, 404, 418, 429, 451, 500, 503]) {
        for (const body of ['', '{"code":-1121,"msg":"Invalid symbol."}', '<html>', text]) {
          const out = answer(source, request, status, encoder.encode(body));
          assert.ok(out.findings.length === 1 && !rowsIn(out), `${status} ${body}`);
          assert.ok(out.findings.columns.detail[0]!.includes(String(status)));
        }
      }
    }
  },
};

function questions(source: Source, market: Market): RestRequest[] {
  const { requests, venue } = source;
  const instrument: Instrument = { venue, market, symbol: 'BTCUSDT' };
  return [
    requests.time(market),
    requests.exchangeInfo(market, ['BTCUSDT']),
    requests.bookSnapshot(instrument),
    requests.tradesById(instrument, 7, 1e9),
    requests.aggTradesById(instrument, 7, 1e9),
    requests.latestTrade(instrument),
    requests.klines(instrument, '1m', 0, 60_000_000, 1e9),
  ].filter((request) => request !== undefined);
}

/** The value with each of its leaves in turn replaced. */
function* withEachReplaced(value: unknown, by: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [at, item] of value.slice(0, 12).entries()) {
      for (const changed of withEachReplaced(item, by)) yield value.with(at, changed);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      for (const changed of withEachReplaced(item, by)) yield { ...value, [name]: changed };
    }
  } else yield by;
}

/** Runs every promise on a new source. */
export function sourceContract(
  name: string,
  open: () => SourceUnderTest | Promise<SourceUnderTest>,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
