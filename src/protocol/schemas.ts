import { z } from 'zod';
import { intervals } from '../domain/interval.ts';
import { candleMarks, candleStates, dataKinds, gapReasons, gapStates } from '../domain/state.ts';
import type * as api from './api.ts';
import type { Same } from './same-type.ts';

// The types of api.ts as schemas, for the OpenAPI document and for whoever wants to check an answer. The last constant of
// this file compiles only while both say the same.

const instantUs = z.int().describe('µs since 1970-01-01 UTC');
const count = z.int();
const decimalText = z.string().describe('exact decimal');
const instrument = z
  .string()
  .describe('venue:market:SYMBOL')
  .meta({ examples: ['binance:spot:BTCUSDT'] });
const id = z.int();

export const dataKindSchema = z.enum(dataKinds);

export const gapRowSchema = z
  .object({
    instrument,
    stream: z.string(),
    fromId: id.nullable().describe('first missing id'),
    toId: id.nullable().describe('last missing id'),
    openedAtUs: instantUs,
    closedAtUs: instantUs.nullable(),
    state: z.enum(gapStates),
    reason: z.enum(gapReasons),
    heldCount: count.describe('ids of it that have their row by now'),
    byAggregateCount: count.describe('ids of it that lie in an aggregate held here'),
    tried: z.string().describe('what was tried to fill it'),
  })
  .meta({ id: 'GapRow' });

export const coverageSchema = z
  .object({
    instrument,
    fromUs: instantUs.nullable(),
    toUs: instantUs.nullable(),
    heldIds: count.nullable(),
    expectedIds: count.nullable(),
    tidemarkUs: instantUs.nullable().describe('up to which every id is held or declared missing'),
    gaps: z.array(gapRowSchema),
    dataKind: dataKindSchema,
    catalogVersion: z.int(),
  })
  .meta({ id: 'Coverage', description: 'What an answer says of itself' });

export const instrumentRowSchema = z
  .object({
    instrument,
    market: z.string(),
    symbol: z.string(),
    status: z.string(),
    baseAsset: z.string(),
    quoteAsset: z.string(),
    tickSize: decimalText,
    stepSize: decimalText,
    streams: z.array(z.string()),
    lastPrice: decimalText.nullable(),
    dataKind: dataKindSchema,
    firstCandleUs: instantUs.nullable(),
  })
  .meta({ id: 'InstrumentRow' });

export const candleRowSchema = z
  .object({
    openedAtUs: instantUs,
    open: decimalText,
    high: decimalText,
    low: decimalText,
    close: decimalText,
    volume: decimalText,
    quoteVolume: decimalText,
    tradeCount: count,
    takerBuyVolume: decimalText,
    takerBuyQuoteVolume: decimalText,
    firstTradeId: id,
    lastTradeId: id,
    state: z.enum(candleStates).describe('of a missing one all values are "0" and mean nothing'),
    marks: z.array(z.enum(candleMarks)),
    source: z.enum(['trades', 'agg-trades', 'venue', 'none']),
  })
  .meta({ id: 'CandleRow' });

export const candlesAnswerSchema = z
  .object({
    interval: z.enum(intervals),
    candles: z.array(candleRowSchema).describe('ascending by open time'),
    previousUs: instantUs
      .nullable()
      .describe('open time of the newest candle before these: page back with to = previousUs + 1'),
    coverage: coverageSchema,
  })
  .meta({ id: 'CandlesAnswer' });

export const tradeRowSchema = z
  .object({
    tradeId: id,
    price: decimalText,
    quantity: decimalText,
    tradedAtUs: instantUs,
    receivedAtUs: instantUs,
    buyerIsMaker: z.boolean(),
    kind: z.enum(['trade', 'agg-trade']),
  })
  .meta({ id: 'TradeRow' });

export const tradesAnswerSchema = z
  .object({
    trades: z.array(tradeRowSchema).describe('newest first'),
    nextBeforeId: id.nullable().describe('beforeId of the next page'),
    coverage: coverageSchema,
  })
  .meta({ id: 'TradesAnswer' });

const levelSchema = z.object({ price: decimalText, quantity: decimalText }).meta({ id: 'BookLevelRow' });

export const bookViewSchema = z
  .object({
    instrument,
    state: z.enum(['synced', 'syncing', 'gap', 'none']),
    updateId: id.nullable(),
    eventAtUs: instantUs.nullable(),
    bids: z.array(levelSchema).describe('best first'),
    asks: z.array(levelSchema).describe('best first'),
    knownFrom: decimalText.nullable().describe('lowest price at which every level is known'),
    knownTo: decimalText.nullable(),
    resyncs: count,
    snapshotAtUs: instantUs.nullable(),
  })
  .meta({ id: 'BookView' });

export const sessionStatusSchema = z
  .object({
    session: z.string(),
    market: z.string(),
    state: z.enum(['connecting', 'open', 'closed']),
    sinceUs: instantUs,
    streams: count,
    frames: count,
    reconnects: count,
    lastFrameAtUs: instantUs.nullable(),
  })
  .meta({ id: 'SessionStatus' });

export const ledgerRowSchema = z
  .object({
    instrument,
    stream: z.string(),
    firstId: id.nullable(),
    lastId: id.nullable(),
    heldIds: count,
    missingIds: count,
    byAggregateIds: count,
    openGaps: count,
    declaredGaps: count,
    tidemarkUs: instantUs.nullable(),
    watchedUntilUs: instantUs.nullable(),
  })
  .meta({ id: 'LedgerRow' });

export const shippingStatusSchema = z
  .object({
    store: z.string(),
    journals: z.array(
      z.object({
        writer: z.string(),
        state: z.enum(['starting', 'shipping', 'retrying', 'conflict']),
        shippedTo: z.object({ segment: z.int(), offset: z.int(), sequence: z.int() }).nullable(),
        behindBytes: z.int().describe('durable here and lost with this disk'),
        behindRecords: count,
        shippedAtUs: instantUs.nullable(),
        error: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'ShippingStatus' });

export const statusAnswerSchema = z
  .object({
    version: z.string(),
    dataKind: dataKindSchema,
    seed: z.number().nullable(),
    startedAtUs: instantUs,
    nowUs: instantUs,
    upstream: z.enum(['live', 'quiet', 'stale', 'venue-down', 'connecting']),
    lastPulseAtUs: instantUs.nullable(),
    lagMs: z.object({ p50: z.number(), p95: z.number() }).nullable(),
    sessions: z.array(sessionStatusSchema),
    ledger: z.array(ledgerRowSchema),
    journals: z.array(z.object({ writer: z.string(), segment: z.int(), offset: z.int(), behindBytes: z.int() })),
    lake: z.object({
      catalogVersion: z.int(),
      committedAtUs: instantUs.nullable(),
      files: count,
      bytes: z.int(),
      iceberg: z
        .object({
          publishedVersion: z.int().describe('every table is published as of this catalog version, or later'),
          failures: z.record(z.string(), z.string()).describe('why the last attempt failed, by table'),
        })
        .nullable(),
    }),
    rest: z.object({ usedWeight: z.number(), weightPerMinute: z.number(), blockedUntilUs: instantUs.nullable() }),
    shipping: shippingStatusSchema.nullable(),
    findings: count,
  })
  .meta({ id: 'StatusAnswer' });

export const healthAnswerSchema = z
  .object({
    status: z.enum(['ok', 'degraded', 'failing']),
    reasons: z.array(z.object({ code: z.string(), detail: z.string() })),
    dataKind: dataKindSchema,
    nowUs: instantUs,
  })
  .meta({ id: 'HealthAnswer' });

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });

export const tablesAnswerSchema = z
  .object({
    catalogVersion: z.int(),
    tables: z.array(
      z.object({
        name: z.string(),
        layer: z.enum(['silver', 'gold', 'model']),
        meaning: z.string(),
        columns: z
          .array(z.object({ name: z.string(), type: z.string(), meaning: z.string(), isKey: z.boolean() }))
          .nullable()
          .describe('null of a model: its own SQL says them'),
        rows: count.describe('committed rows'),
        bytes: count,
        files: count,
        fromUs: instantUs.nullable(),
        toUs: instantUs.nullable(),
      }),
    ),
  })
  .meta({ id: 'TablesAnswer' });

export const sqlAnswerSchema = z
  .object({
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.string().nullable())).describe('cells as text that loses nothing'),
    truncated: z.boolean(),
    catalogVersion: z.int(),
    hasTail: z.boolean().describe('whether rows that are in no commit yet were looked at as well'),
    lakeFiles: z.int().describe('files of the lake that could hold what was asked for; no other one was opened'),
    lakeBytes: z.int(),
    dataKind: dataKindSchema,
    elapsedMs: z.number(),
  })
  .meta({ id: 'SqlAnswer' });

export const sqlRequestSchema = z
  .strictObject({
    sql: z.string().min(1).max(100_000).describe('one SELECT or EXPLAIN'),
    maxRows: z.int().min(1).optional(),
    timeoutMs: z.int().min(1).optional(),
    asOf: z
      .string()
      .optional()
      .describe(
        'what was committed then: a catalog version, or an instant as µs or ms since 1970, ISO 8601 or now-10m',
      ),
  })
  .meta({ id: 'SqlRequest' });

export const instrumentsAnswerSchema = z.array(instrumentRowSchema);
export const ledgerAnswerSchema = z.array(ledgerRowSchema);
export const gapsAnswerSchema = z.array(gapRowSchema);

/** Does not compile when a schema and its type differ, in either direction. */
export const schemasEqualTypes: readonly [
  Same<typeof gapRowSchema, api.GapRow>,
  Same<typeof coverageSchema, api.Coverage>,
  Same<typeof instrumentRowSchema, api.InstrumentRow>,
  Same<typeof candleRowSchema, api.CandleRow>,
  Same<typeof candlesAnswerSchema, api.CandlesAnswer>,
  Same<typeof tradeRowSchema, api.TradeRow>,
  Same<typeof tradesAnswerSchema, api.TradesAnswer>,
  Same<typeof bookViewSchema, api.BookView>,
  Same<typeof sessionStatusSchema, api.SessionStatus>,
  Same<typeof ledgerRowSchema, api.LedgerRow>,
  Same<typeof statusAnswerSchema, api.StatusAnswer>,
  Same<typeof healthAnswerSchema, api.HealthAnswer>,
  Same<typeof problemSchema, api.Problem>,
  Same<typeof sqlAnswerSchema, api.SqlAnswer>,
  Same<typeof tablesAnswerSchema, api.TablesAnswer>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true, true];
