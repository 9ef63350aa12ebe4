import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { dayUs } from '../domain/interval.ts';
import { logLevels, runStates } from '../domain/job.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import type { CatchUpRequest, Jobs, RunRequest } from '../ports/jobs.ts';
import * as schemas from '../protocol/job-schemas.ts';
import { problemSchema } from '../protocol/schemas.ts';
import { badQuery, parseId, parseLimit, parseTime, parseWord } from './query.ts';
import { apiPrefix, sendJson } from './routes.ts';

const problems = {
  '4xx': { description: 'Problem', content: { 'application/problem+json': { schema: problemSchema } } },
};
const tags = ['jobs'];
const jobName = z.strictObject({ name: z.string().describe('name of a job') });
const number = z.strictObject({ id: z.string().describe('number').meta({ type: 'integer' }) });
const text = (description: string) => z.string().describe(description).optional();
const nothing = z.strictObject({}).nullish();
const noQuery = z.strictObject({});

const mostRuns = 1000;
const mostLines = 5000;

/** Jobs, their runs and logs; what changes them is asked for with POST. */
export function addJobRoutes(server: FastifyInstance, jobs: Jobs, view: MarketView, nowUs: () => number): void {
  const app = server.withTypeProvider<ZodTypeProvider>();

  app.get(
    `${apiPrefix}/jobs`,
    {
      schema: {
        summary: 'Every job with its latest run, slots, counts and catch-ups',
        tags,
        querystring: noQuery,
        response: { 200: schemas.jobsAnswerSchema, ...problems },
      },
    },
    async (_request, reply) => {
      const { usedWeight, weightPerMinute } = view.status().rest;
      const weight = weightPerMinute > 0 ? { usedPerMinute: usedWeight, limitPerMinute: weightPerMinute } : null;
      return sendJson(reply, { ...(await jobs.overview()), weight });
    },
  );

  app.get(
    `${apiPrefix}/jobs/timeline`,
    {
      schema: {
        summary: 'Attempts that touch a range, with the waiting before each',
        tags,
        querystring: z.strictObject({
          from: text('start; default: a day before the end'),
          to: text('end; default: now'),
        }),
        response: { 200: schemas.timelineAnswerSchema, ...problems },
      },
    },
    async ({ query }, reply) => {
      const toUs = query.to === undefined ? nowUs() : parseTime('to', query.to, nowUs);
      const fromUs = query.from === undefined ? toUs - dayUs : parseTime('from', query.from, nowUs);
      if (fromUs >= toUs) throw badQuery('from and to', 'the range is empty', 'give a from before to');
      return sendJson(reply, { fromUs, toUs, spans: await jobs.timeline(fromUs, toUs) });
    },
  );

  app.get(
    `${apiPrefix}/runs`,
    {
      schema: {
        summary: 'Runs, newest first',
        tags,
        querystring: z.strictObject({
          job: text('only of this job'),
          state: text('only in this state').meta({ enum: [...runStates] }),
          cause: text('only those whose cause has this text in it'),
          before: text('only smaller numbers: before of the page before').meta({ type: 'integer' }),
          limit: text('how many at most').meta({ type: 'integer', minimum: 1, maximum: mostRuns, default: 100 }),
        }),
        response: { 200: schemas.runsAnswerSchema, ...problems },
      },
    },
    async ({ query }, reply) => {
      const { job, state, cause } = query;
      const before = parseId('before', query.before);
      const notices: string[] = [];
      const limit = parseLimit('limit', query.limit, 100, mostRuns, notices);
      if (notices.length > 0) reply.header('x-tidemark-notice', notices.join('; '));
      const answer = await jobs.runs({
        limit,
        ...(job === undefined ? {} : { job }),
        ...(state === undefined ? {} : { states: [parseWord('state', state, runStates)] }),
        ...(cause === undefined ? {} : { cause }),
        ...(before === undefined ? {} : { before }),
      });
      return sendJson(reply, answer);
    },
  );

  app.get(
    `${apiPrefix}/runs/:id`,
    {
      schema: {
        summary: 'One run with its attempts',
        tags,
        params: number,
        querystring: noQuery,
        response: { 200: schemas.runAnswerSchema, ...problems },
      },
    },
    async ({ params }, reply) => sendJson(reply, await jobs.run(numberOf(params.id))),
  );

  app.get(
    `${apiPrefix}/runs/:id/log`,
    {
      schema: {
        summary: 'Log lines of a run, from its beginning or after a line; ask again with after to follow it',
        tags,
        params: number,
        querystring: z.strictObject({
          after: text('only later lines').meta({ type: 'integer', default: 0 }),
          limit: text('how many at most').meta({ type: 'integer', minimum: 1, maximum: mostLines, default: 1000 }),
          level: text('only lines of this level or above').meta({ enum: [...logLevels], default: 'debug' }),
        }),
        response: { 200: schemas.runLogAnswerSchema, ...problems },
      },
    },
    async ({ params, query }, reply) => {
      const notices: string[] = [];
      const limit = parseLimit('limit', query.limit, 1000, mostLines, notices);
      if (notices.length > 0) reply.header('x-tidemark-notice', notices.join('; '));
      const answer = await jobs.log(numberOf(params.id), {
        after: parseId('after', query.after) ?? 0,
        limit,
        level: parseWord('level', query.level ?? 'debug', logLevels),
      });
      return sendJson(reply, answer);
    },
  );

  app.post(
    `${apiPrefix}/jobs/:name/runs`,
    {
      schema: {
        summary: 'Asks for a run',
        tags,
        params: jobName,
        querystring: noQuery,
        body: schemas.runRequestSchema.nullish(),
        response: { 202: schemas.runRowSchema, ...problems },
      },
    },
    async ({ params, body }, reply) =>
      sendJson(reply.code(202), await jobs.start(params.name, (body ?? {}) as RunRequest)),
  );

  for (const action of ['pause', 'resume'] as const) {
    app.post(
      `${apiPrefix}/jobs/:name/${action}`,
      {
        schema: {
          summary: action === 'pause' ? 'Its schedule starts nothing from now on' : 'Its schedule goes on',
          tags,
          params: jobName,
          querystring: noQuery,
          body: nothing,
          response: { 200: schemas.jobRowSchema, ...problems },
        },
      },
      async ({ params }, reply) => sendJson(reply, await jobs[action](params.name)),
    );
  }

  for (const action of ['cancel', 'retry'] as const) {
    app.post(
      `${apiPrefix}/runs/:id/${action}`,
      {
        schema: {
          summary:
            action === 'cancel' ? 'Tells a run to end' : 'Further attempts of a run that failed or was cancelled',
          tags,
          params: number,
          querystring: noQuery,
          body: nothing,
          response: { 200: schemas.runRowSchema, ...problems },
        },
      },
      async ({ params }, reply) => sendJson(reply, await jobs[action](numberOf(params.id))),
    );
  }

  app.post(
    `${apiPrefix}/jobs/:name/catch-ups`,
    {
      schema: {
        summary: 'A run for each day of a range',
        tags,
        params: jobName,
        querystring: noQuery,
        body: schemas.catchUpRequestSchema,
        response: { 202: schemas.catchUpRowSchema, ...problems },
      },
    },
    async ({ params, body }, reply) =>
      sendJson(reply.code(202), await jobs.catchUp(params.name, body as CatchUpRequest)),
  );

  app.get(
    `${apiPrefix}/catch-ups/:id`,
    {
      schema: {
        summary: 'One catch-up with all its days',
        tags,
        params: number,
        querystring: noQuery,
        response: { 200: schemas.catchUpRowSchema, ...problems },
      },
    },
    async ({ params }, reply) => sendJson(reply, await jobs.oneCatchUp(numberOf(params.id))),
  );

  for (const action of ['pause', 'resume', 'cancel'] as const) {
    app.post(
      `${apiPrefix}/catch-ups/:id/${action}`,
      {
        schema: {
          summary: `A catch-up: ${action}`,
          tags,
          params: number,
          querystring: noQuery,
          body: nothing,
          response: { 200: schemas.catchUpRowSchema, ...problems },
        },
      },
      async ({ params }, reply) => sendJson(reply, await jobs.changeCatchUp(numberOf(params.id), action)),
    );
  }
}

function numberOf(text: string): number {
  return parseId('number', text)!;
}
