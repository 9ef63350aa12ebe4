import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { documentPolicy } from '../models/document.ts';
import type { ModelLibrary } from '../models/library.ts';
import { modelsAnswerSchema } from '../protocol/models.ts';
import { problemSchema } from '../protocol/schemas.ts';
import { apiPrefix, sendJson } from './routes.ts';

const problems = {
  '4xx': { description: 'Problem', content: { 'application/problem+json': { schema: problemSchema } } },
};
const tags = ['models'];
const noQuery = z.strictObject({});

/** The SQL models: for programs, and as a page for people. */
export function addModelRoutes(server: FastifyInstance, library: ModelLibrary): void {
  const app = server.withTypeProvider<ZodTypeProvider>();

  app.get(
    `${apiPrefix}/models`,
    {
      schema: {
        summary: 'SQL models with their columns and tests, and what is published of each',
        tags,
        querystring: noQuery,
        response: { 200: modelsAnswerSchema, ...problems },
      },
    },
    async (_request, reply) => sendJson(reply, await library.describe()),
  );

  app.get(
    `${apiPrefix}/models/page`,
    {
      schema: {
        summary: 'The SQL models as one page: lineage, columns, tests, SQL',
        tags,
        querystring: noQuery,
        response: { 200: { description: 'HTML', content: { 'text/html': { schema: z.string() } } }, ...problems },
      },
    },
    async (_request, reply) =>
      reply
        .header('content-security-policy', documentPolicy)
        .type('text/html; charset=utf-8')
        .send(await library.page()),
  );
}
