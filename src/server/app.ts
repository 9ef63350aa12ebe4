import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject, validatorCompiler } from 'fastify-type-provider-zod';
import { TidemarkError } from '../domain/error.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import type { DataKind } from '../domain/state.ts';
import type { ModelLibrary } from '../models/library.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Clock, Random } from '../ports/world.ts';
import type { Problem } from '../protocol/api.ts';
import { type Access, type CallerHeaders, refuseRequest } from './access.ts';
import { addIcebergCatalog, type IcebergCatalogOptions, icebergPrefix } from './iceberg.ts';
import { addJobRoutes } from './job-routes.ts';
import type { ServerLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { addModelRoutes } from './model-routes.ts';
import { makeProblem, problemOf } from './problem.ts';
import { explainIssue } from './query.ts';
import { addReportRoutes, type ReportLibrary } from './report-routes.ts';
import { RequestBudget } from './request-budget.ts';
import { addRoutes, apiPrefix } from './routes.ts';

export interface ServerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface AppOptions {
  readonly view: MarketView;
  readonly access: () => Access;
  readonly dataKind: DataKind;
  /** Without them the server knows nothing of jobs. */
  readonly jobs: Jobs | undefined;
  /** Without it the server knows nothing of reports. */
  readonly reports: ReportLibrary | undefined;
  /** Without it the server knows nothing of SQL models. */
  readonly models: ModelLibrary | undefined;
  /** Without it no Iceberg catalog is served. */
  readonly iceberg: IcebergCatalogOptions | undefined;
  readonly webFolder: string | undefined;
  readonly log: ServerLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ServerLimits;
  readonly metrics: Metrics;
  readonly nowUs: () => number;
  readonly version: string;
}

const securityHeaders = {
  'content-security-policy': [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
};

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tidemark: the dashboard is not built</title></head>
<body><h1>The dashboard is not built</h1>
<p>Tidemark is running and its API answers, but the folder with the dashboard is missing or empty.</p>
<p>Run <code>node scripts/setup.mjs --web</code> and reload this page, or start Tidemark with <code>npm start</code> or
<code>npm run demo</code>, which build it.</p>
<p>The API: <a href="${apiPrefix}/openapi.json">${apiPrefix}/openapi.json</a></p></body></html>
`;

const isApi = (url: string) => url === '/api' || url.startsWith('/api/') || url.startsWith('/api?');
const isCatalog = (url: string) => url.startsWith(`${icebergPrefix}/`);
const pathOf = (url: string) => url.split('?', 1)[0]!;

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { limits, log, metrics, webFolder, clock } = options;
  const budget = new RequestBudget(limits.requestsPerSecond);

  const app = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    onConstructorPoisoning: 'error',
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: true,
    // Pages of the dashboard are one document; what has no dot in its last part is a page, not a file.
    rewriteUrl: ({ method, url }) => {
      const address = url ?? '/';
      const reads = method === 'GET' || method === 'HEAD';
      if (webFolder === undefined || !reads || isApi(address) || isCatalog(address)) return address;
      return /\.[^/]*$/.test(pathOf(address)) ? address : '/index.html';
    },
    frameworkErrors: (error, _request, reply) => {
      refuse(
        reply,
        makeProblem(
          400,
          'bad-request',
          error.code === 'FST_ERR_BAD_URL' ? 'the address is malformed' : 'the request is malformed',
        ),
      );
    },
    clientErrorHandler(error, socket) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
      }
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
      const body = JSON.stringify(
        makeProblem(status, 'bad-request', 'the request is not valid HTTP, too large or too slow'),
      );
      socket.end(
        `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    },
  });

  app.setValidatorCompiler(validatorCompiler);
  // Schemas describe answers and tests hold answers to them; at run time answers are plain JSON.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders).header('x-tidemark-data-kind', options.dataKind);
    const api = isApi(request.url) || isCatalog(request.url);
    if (api) reply.header('cache-control', 'no-store');
    const refusal = refuseRequest(options.access(), request.method, api, request.headers as CallerHeaders);
    if (refusal !== undefined) return refuse(reply, makeProblem(refusal.status, refusal.code, refusal.detail));
    if (!budget.take(request.ip, clock.monotonicUs())) {
      reply.header('retry-after', '1');
      return refuse(reply, makeProblem(429, 'rate-limited', `at most ${limits.requestsPerSecond} requests a second`));
    }
  });

  app.addHook('onResponse', async (request, reply) => {
    metrics.request(request.method, request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime);
  });

  app.setErrorHandler((error, request, reply) => {
    const logId = options.random.hex(6);
    const { problem, retryAfterS, unexpected } = problemOf(withReason(error, request), logId);
    if (unexpected) log.error({ err: error, logId, route: request.routeOptions.url }, 'a request failed');
    if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
    return refuse(reply, problem);
  });

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tidemark',
        version: options.version,
        description:
          'What a venue published, what of it is held here, and what is missing. Prices and quantities are exact decimal text; instants are µs since 1970 UTC; ranges are half-open. Live changes: WebSocket at /api/v1/live.',
      },
      servers: [{ url: '/' }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  });

  addRoutes(app, options);
  if (options.iceberg !== undefined) await addIcebergCatalog(app, options.iceberg, log);
  if (options.models !== undefined) addModelRoutes(app, options.models);
  if (options.jobs !== undefined) addJobRoutes(app, options.jobs, options.view, options.nowUs);
  if (options.reports !== undefined)
    addReportRoutes(app, { library: options.reports, jobs: options.jobs, nowUs: options.nowUs });

  if (webFolder !== undefined) {
    await app.register(fastifyStatic, {
      root: webFolder,
      wildcard: true,
      dotfiles: 'deny',
      suppressWarning: true,
      cacheControl: false,
      setHeaders: (response, path) => {
        const isHashed = path.replaceAll('\\', '/').includes('/assets/');
        response.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }

  const apiPaths = ['instruments', 'candles', 'trades', 'book', 'ledger', 'gaps', 'status', 'health', 'metrics', 'sql', 'tables', 'models', 'jobs', 'runs', 'reports', 'openapi.json', 'live']; // biome-ignore format: one row
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.originalUrl);
    if (isCatalog(path)) {
      return refuse(reply, makeProblem(404, 'not-found', 'no Iceberg metadata is published here: see lake.iceberg'));
    }
    if (isApi(path)) {
      const allowed = ['GET', 'POST'].filter((method) => app.hasRoute({ method: method as 'GET', url: path }));
      if (allowed.length > 0) {
        reply.header('allow', allowed.join(', '));
        return refuse(reply, makeProblem(405, 'method-not-allowed', `use ${allowed.join(' or ')} here`));
      }
      if (path === `${apiPrefix}/live`) {
        reply.header('upgrade', 'websocket');
        return refuse(reply, makeProblem(426, 'upgrade-required', 'this address speaks WebSocket'));
      }
      const near = nearestWord(path.replace(`${apiPrefix}/`, ''), apiPaths);
      const detail =
        near === undefined ? `${apiPrefix}/openapi.json lists what there is` : `did you mean ${apiPrefix}/${near}?`;
      return refuse(reply, makeProblem(404, 'not-found', `there is nothing at this address: ${detail}`));
    }
    const wantsPage = request.method === 'GET' && !/\.[^/]*$/.test(path);
    if (wantsPage) return reply.code(503).type('text/html; charset=utf-8').send(notBuilt);
    return refuse(reply, makeProblem(404, 'not-found', 'there is no such file'));
  });

  await app.ready();
  return app;
}

/** The transform registers every schema twice, as input and as output; those that nothing refers to go. */
function withoutUnused<T extends object>(document: T): T {
  const { components, paths } = document as { components?: { schemas?: Record<string, unknown> }; paths?: unknown };
  const schemas = components?.schemas ?? {};
  const used = new Set<string>();
  const visit = (value: unknown) => {
    for (const [, name] of JSON.stringify(value ?? null).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (name === undefined || used.has(name)) continue;
      used.add(name);
      visit(schemas[name]);
    }
  };
  visit(paths);
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name];
  return document;
}

function refuse(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(problem));
}

/** As fastify-type-provider-zod reports what zod refused. */
interface ValidationIssue {
  readonly keyword?: string;
  readonly instancePath?: string;
  readonly message?: string;
  readonly params?: { readonly keys?: readonly string[] };
}

/** Fastify's and zod's words in ours. */
function withReason(error: unknown, request: FastifyRequest): unknown {
  const { validation, validationContext, code } = error as {
    validation?: readonly ValidationIssue[];
    validationContext?: string;
    code?: string;
  };
  if (validation !== undefined) {
    // A misspelt key is also a missing one; the misspelling is what helps.
    const issue = validation.find(({ keyword }) => keyword === 'unrecognized_keys') ?? validation[0];
    const schema = request.routeOptions.schema as Record<string, { shape?: object } | undefined> | undefined;
    const isBody = validationContext === 'body';
    const known = Object.keys(schema?.[isBody ? 'body' : 'querystring']?.shape ?? {});
    return explainIssue(
      {
        key: issue?.instancePath?.slice(1) ?? '',
        why: issue?.message ?? 'it does not fit',
        unknownKey: issue?.params?.keys?.[0],
      },
      known,
      isBody ? 'body' : 'query',
    );
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return Object.assign(new Error('send JSON with content-type: application/json'), { statusCode: 415 });
  }
  if (error instanceof SyntaxError && (error as { statusCode?: number }).statusCode === 400) {
    return new TidemarkError('bad-query', { doing: 'read', what: 'the body', why: 'it is not valid JSON' });
  }
  return error;
}
