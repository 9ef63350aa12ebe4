import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { TidemarkError } from '../domain/error.ts';
import { intervals } from '../domain/interval.ts';
import { gapStates } from '../domain/state.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import type { CandlesAnswer } from '../protocol/api.ts';
import * as schemas from '../protocol/schemas.ts';
import { healthOf } from './health.ts';
import type { ServerLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { badQuery, parseAsOf, parseId, parseInstrument, parseLimit, parseTime, parseWord } from './query.ts';

export const apiPrefix = '/api/v1';

const once = {
  error: (issue: { input?: unknown }) => (Array.isArray(issue.input) ? 'it is given twice' : 'it is missing'),
};
const text = (description: string, example?: string) =>
  z
    .string(once)
    .describe(description)
    .meta(example === undefined ? {} : { examples: [example] });
const instrumentText = text('venue:market:SYMBOL', 'binance:spot:BTCUSDT');
const timeText = (what: string) => text(`${what}: µs or ms since 1970, ISO 8601, now, or now-6h`, 'now-6h').optional();
const countText = (what: string, usual: number, most: number) =>
  text(what).meta({ type: 'integer', minimum: 1, maximum: most, default: usual }).optional();

const problems = {
  '4xx': { description: 'Problem', content: { 'application/problem+json': { schema: schemas.problemSchema } } },
};

export interface RouteOptions {
  readonly view: MarketView;
  readonly limits: ServerLimits;
  readonly metrics: Metrics;
  readonly nowUs: () => number;
}

export function addRoutes(server: FastifyInstance, options: RouteOptions): void {
  const { view, limits, metrics, nowUs } = options;
  const app = server.withTypeProvider<ZodTypeProvider>();
  const known = () => view.instruments();

  app.get(
    `${apiPrefix}/instruments`,
    {
      schema: {
        summary: 'Instruments recorded here',
        tags: ['market'],
        querystring: z.strictObject({}),
        response: { 200: schemas.instrumentsAnswerSchema, ...problems },
      },
    },
    async (_request, reply) => sendJson(reply, view.instruments()),
  );

  app.get(
    `${apiPrefix}/candles`,
    {
      schema: {
        summary: 'The newest candles of a range, ascending',
        description:
          'The range is half-open: [from, to). A range of final candles only carries an ETag that lasts; ask again with If-None-Match.',
        tags: ['market'],
        querystring: z.strictObject({
          instrument: instrumentText,
          interval: text('length of a candle').meta({ enum: [...intervals] }),
          from: timeText('start, inclusive; default: the beginning'),
          to: timeText('end, exclusive; default: now'),
          limit: countText('how many at most', 500, limits.candles),
        }),
        response: { 200: schemas.candlesAnswerSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const interval = parseWord('interval', query.interval, intervals);
      const instrument = parseInstrument(query.instrument, known);
      const fromUs = query.from === undefined ? 0 : parseTime('from', query.from, nowUs);
      const toUs = query.to === undefined ? nowUs() + 1 : parseTime('to', query.to, nowUs);
      if (fromUs >= toUs) throw badQuery('from and to', 'the range is empty', 'give a from before to');
      const notices: string[] = [];
      const limit = parseLimit('limit', query.limit, 500, limits.candles, notices);
      const answer = await view.candles(instrument, interval, fromUs, toUs, limit);
      note(reply, notices);
      return sendCandles(reply, request.headers['if-none-match'], answer);
    },
  );

  app.get(
    `${apiPrefix}/trades`,
    {
      schema: {
        summary: 'Trades, newest first',
        tags: ['market'],
        querystring: z.strictObject({
          instrument: instrumentText,
          beforeId: text('only ids below this: nextBeforeId of the page before').meta({ type: 'integer' }).optional(),
          limit: countText('how many at most', 200, limits.trades),
        }),
        response: { 200: schemas.tradesAnswerSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const instrument = parseInstrument(query.instrument, known);
      const beforeId = parseId('beforeId', query.beforeId);
      const notices: string[] = [];
      const limit = parseLimit('limit', query.limit, 200, limits.trades, notices);
      const answer = await view.trades(instrument, beforeId, limit);
      note(reply, notices);
      return sendJson(reply, answer);
    },
  );

  app.get(
    `${apiPrefix}/book`,
    {
      schema: {
        summary: 'The order book now, best first',
        tags: ['market'],
        querystring: z.strictObject({
          instrument: instrumentText,
          levels: countText('levels a side', 100, limits.bookLevels),
        }),
        response: { 200: schemas.bookViewSchema, ...problems },
      },
    },
    async (request, reply) => {
      const instrument = parseInstrument(request.query.instrument, known);
      const notices: string[] = [];
      const levels = parseLimit('levels', request.query.levels, 100, limits.bookLevels, notices);
      note(reply, notices);
      return sendJson(reply, view.book(instrument, levels));
    },
  );

  app.get(
    `${apiPrefix}/ledger`,
    {
      schema: {
        summary: 'What is held and what is missing, by stream',
        tags: ['proof'],
        querystring: z.strictObject({}),
        response: { 200: schemas.ledgerAnswerSchema, ...problems },
      },
    },
    async (_request, reply) => sendJson(reply, view.ledger()),
  );

  app.get(
    `${apiPrefix}/gaps`,
    {
      schema: {
        summary: 'Gaps, with why and what was done',
        tags: ['proof'],
        querystring: z.strictObject({
          instrument: instrumentText.optional(),
          state: text('only gaps in this state')
            .meta({ enum: [...gapStates] })
            .optional(),
        }),
        response: { 200: schemas.gapsAnswerSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { instrument, state } = request.query;
      const rows = view.gaps({
        ...(instrument === undefined ? {} : { instrument: parseInstrument(instrument, known) }),
        ...(state === undefined ? {} : { state: parseWord('state', state, gapStates) }),
      });
      return sendJson(reply, rows);
    },
  );

  app.get(
    `${apiPrefix}/status`,
    {
      schema: {
        summary: 'Sessions, ledger, journals, lake and REST budget now',
        tags: ['operation'],
        querystring: z.strictObject({}),
        response: { 200: schemas.statusAnswerSchema, ...problems },
      },
    },
    async (_request, reply) => sendJson(reply, view.status()),
  );

  app.get(
    `${apiPrefix}/health`,
    {
      schema: {
        summary: '200 while data arrive and are kept, else 503; with reasons',
        tags: ['operation'],
        querystring: z.strictObject({}),
        response: { 200: schemas.healthAnswerSchema, 503: schemas.healthAnswerSchema },
      },
    },
    async (_request, reply) => {
      const health = healthOf(view.status());
      if (health.status === 'failing') reply.code(503);
      return sendJson(reply, health);
    },
  );

  app.get(
    `${apiPrefix}/metrics`,
    { schema: { summary: 'Prometheus metrics', tags: ['operation'], produces: ['text/plain'] } },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  );

  app.get(
    `${apiPrefix}/tables`,
    {
      schema: {
        summary: 'Tables that SQL may ask about: columns, rows, span',
        tags: ['sql'],
        querystring: z.strictObject({}),
        response: { 200: schemas.tablesAnswerSchema, ...problems },
      },
    },
    async (_request, reply) => sendJson(reply, await view.tables()),
  );

  let queriesRunning = 0;
  app.post(
    `${apiPrefix}/sql`,
    {
      schema: {
        summary: 'One SELECT over lake and tail, in a limited process of its own',
        tags: ['sql'],
        querystring: z.strictObject({}),
        body: schemas.sqlRequestSchema,
        response: { 200: schemas.sqlAnswerSchema, ...problems },
      },
    },
    async (request, reply) => {
      if (queriesRunning >= limits.sqlAtOnce) {
        throw new TidemarkError('too-many-queries', {
          doing: 'start the query',
          why: `${queriesRunning} are running, which is all that may at once`,
          now: 'wait for one of them to end',
          retry: 'later',
          afterMs: 1000,
        });
      }
      const { sql, maxRows, timeoutMs, asOf } = request.body;
      const notices: string[] = [];
      const clamp = (name: string, value: number | undefined, usual: number, most: number) =>
        parseLimit(name, value === undefined ? undefined : String(value), usual, most, notices);
      const question = {
        maxRows: clamp('maxRows', maxRows, 10_000, limits.sqlRows),
        timeoutMs: clamp('timeoutMs', timeoutMs, limits.sqlTimeoutMs, limits.sqlTimeoutMs),
        asOf: asOf === undefined ? undefined : parseAsOf('asOf', asOf, nowUs),
      };
      queriesRunning += 1;
      const left = new AbortController();
      reply.raw.once('close', () => left.abort());
      try {
        const answer = await view.sql(sql, question, left.signal);
        note(reply, notices);
        return sendJson(reply, answer);
      } finally {
        queriesRunning -= 1;
      }
    },
  );

  let openApi: string | undefined;
  app.get(
    `${apiPrefix}/openapi.json`,
    { schema: { hide: true, querystring: z.strictObject({}) } },
    async (_request, reply) => {
      openApi ??= JSON.stringify(app.swagger());
      return reply.type('application/json; charset=utf-8').send(openApi);
    },
  );
}

function note(reply: FastifyReply, notices: readonly string[]): void {
  if (notices.length > 0) reply.header('x-tidemark-notice', notices.join('; '));
}

/** Plain JSON.stringify: the types are checked where the answer is made, and a schema-driven serialiser is slower here. */
export function sendJson(reply: FastifyReply, answer: unknown): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer));
}

function sendCandles(reply: FastifyReply, ifNoneMatch: string | undefined, answer: CandlesAnswer): FastifyReply {
  const { candles } = answer;
  const isSettled = candles.length > 0 && candles.every(({ state }) => state === 'final' || state === 'no-trades');
  if (!isSettled) return sendJson(reply, answer);
  // Once: nearly all of the answer, and half a megabyte for a day of minutes.
  const text = JSON.stringify(candles);
  // Weak: the candles are the same to the last digit; the coverage beside them may have moved on.
  const hash = createHash('sha256')
    .update(JSON.stringify([answer.interval, answer.previousUs, answer.coverage.gaps]))
    .update(text);
  const etag = `W/"${hash.digest('base64url').slice(0, 27)}"`;
  reply.header('etag', etag).header('cache-control', 'private, no-cache');
  const asked = ifNoneMatch?.split(',').map((tag) => tag.trim());
  if (asked !== undefined && (asked.includes(etag) || asked.includes('*'))) return reply.code(304).send();
  const rest = JSON.stringify({ ...answer, candles: undefined });
  return reply.type('application/json; charset=utf-8').send(`{"candles":${text},${rest.slice(1)}`);
}
