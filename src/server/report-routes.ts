import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Jobs } from '../ports/jobs.ts';
import { runRowSchema } from '../protocol/job-schemas.ts';
import * as schemas from '../protocol/report-schemas.ts';
import { type ReportFile, type ReportRow, reportKinds } from '../protocol/reports.ts';
import { problemSchema } from '../protocol/schemas.ts';
import { askedWish } from '../reports/index.ts';
import { badQuery, parseTime, parseWord } from './query.ts';
import { apiPrefix, sendJson } from './routes.ts';

/** Stored reports, as the server reads them. */
export interface ReportLibrary {
  list(filter: { kind?: string; subject?: string }): Promise<readonly ReportRow[]>;
  file(id: string, name: string): Promise<{ readonly file: ReportFile; readonly bytes: Uint8Array }>;
}

export interface ReportRoutes {
  readonly library: ReportLibrary;
  /** Without them nothing can be asked for. */
  readonly jobs: Jobs | undefined;
  readonly nowUs: () => number;
}

/** The job that makes what is asked for here. */
export const reportJob = 'report';

const problems = {
  '4xx': { description: 'Problem', content: { 'application/problem+json': { schema: problemSchema } } },
};
const tags = ['reports'];
const text = (description: string) => z.string().describe(description);

/** A report may style itself and nothing else: no script, no request, no form, no frame of another site around it. */
const pagePolicy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'font-src data:',
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  'sandbox',
].join('; ');

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  pdf: 'application/pdf',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

export function addReportRoutes(server: FastifyInstance, { library, jobs, nowUs }: ReportRoutes): void {
  const app = server.withTypeProvider<ZodTypeProvider>();

  app.get(
    `${apiPrefix}/reports`,
    {
      schema: {
        summary: 'Stored reports, newest first',
        tags,
        querystring: z.strictObject({
          kind: text('only of this kind')
            .meta({ enum: [...reportKinds] })
            .optional(),
          subject: text('only of this subject: market, or an instrument').optional(),
        }),
        response: { 200: schemas.reportsAnswerSchema, ...problems },
      },
    },
    async ({ query: { kind, subject } }, reply) =>
      sendJson(reply, {
        reports: await library.list({
          ...(kind === undefined ? {} : { kind: parseWord('kind', kind, reportKinds) }),
          ...(subject === undefined ? {} : { subject }),
        }),
      }),
  );

  app.get(
    `${apiPrefix}/reports/:id/:file`,
    {
      schema: {
        summary: 'A file of a report: report.html, report.pdf, and its data as Parquet and CSV',
        tags,
        params: z.strictObject({ id: text('id of a report'), file: text('name of one of its files') }),
        querystring: z.strictObject({}),
        produces: Object.values(contentTypes),
      },
    },
    async ({ params, headers }, reply) => {
      const { file, bytes } = await library.file(params.id, params.file);
      return sendFile(reply, params.id, file, bytes, headers);
    },
  );

  app.post(
    `${apiPrefix}/reports`,
    {
      schema: {
        summary: 'Asks for a report of a range; the answer is the run of the job that makes it',
        tags,
        querystring: z.strictObject({}),
        body: z.strictObject({
          subject: text('market, or an instrument').meta({ examples: ['binance:spot:BTCUSDT'] }),
          from: text('start: µs or ms since 1970, ISO 8601, or now-6h'),
          to: text('end, exclusive'),
        }),
        response: { 202: runRowSchema, ...problems },
      },
    },
    async ({ body }, reply) => {
      if (jobs === undefined) throw badQuery('a report', 'no jobs run here', 'use tidemark report make');
      const { subject } = body;
      const fromUs = parseTime('from', body.from, nowUs);
      const toUs = parseTime('to', body.to, nowUs);
      // Refused here, before there is a run that could only fail.
      askedWish(subject, fromUs, toUs);
      const run = await jobs.start(reportJob, { arguments: { subject, from: String(fromUs), to: String(toUs) } });
      return sendJson(reply.code(202), run);
    },
  );
}

function sendFile(
  reply: FastifyReply,
  id: string,
  file: ReportFile,
  bytes: Uint8Array,
  headers: {
    readonly range?: string | undefined;
    readonly 'if-none-match'?: string | undefined;
    readonly 'if-range'?: string | string[] | undefined;
  },
): FastifyReply {
  const extension = file.name.slice(file.name.lastIndexOf('.') + 1);
  const isShown = extension === 'html' || extension === 'pdf';
  const etag = `"${file.sha256.slice(0, 40)}"`;
  reply
    .header('etag', etag)
    // A stored report never changes, but it may be gone.
    .header('cache-control', 'private, no-cache')
    .header('accept-ranges', 'bytes')
    .header(
      'content-disposition',
      `${isShown ? 'inline' : 'attachment'}; filename="${id}.${file.name.replace(/^report\./, '')}"`,
    );
  if (extension === 'html') reply.header('content-security-policy', pagePolicy);
  if (headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*'))
    return reply.code(304).send();
  reply.type(contentTypes[extension] ?? 'application/octet-stream');
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  const range = isSame ? rangeOf(headers.range, bytes.byteLength) : undefined;
  if (range === 'none') {
    return reply
      .code(416)
      .type('text/plain; charset=utf-8')
      .header('content-range', `bytes */${bytes.byteLength}`)
      .send('there are no such bytes\n');
  }
  if (range === undefined) return reply.send(bufferOf(bytes));
  const { first, last } = range;
  return reply
    .code(206)
    .header('content-range', `bytes ${first}-${last}/${bytes.byteLength}`)
    .send(bufferOf(bytes.subarray(first, last + 1)));
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One range of bytes; several, or what is no range, are answered with the whole. */
function rangeOf(text: string | undefined, length: number): { first: number; last: number } | 'none' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [, from = '', to = ''] = match;
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from);
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  return first > last ? 'none' : { first, last };
}
