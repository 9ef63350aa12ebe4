import { createHash } from 'node:crypto';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { TidemarkError } from '../domain/error.ts';
import type { IcebergTables } from '../ports/iceberg.ts';
import type { Logger } from '../ports/log.ts';
import { withoutPaths } from './problem.ts';

export const icebergPrefix = '/iceberg';

/** All tables are in one namespace. */
const namespace = 'tidemark';

export interface IcebergCatalogOptions {
  readonly tables: IcebergTables;
  /** How clients reach the store, without any secret: endpoint, region, kind of address. */
  readonly clientSettings: Readonly<Record<string, string>>;
}

/** What of the REST catalog specification is answered: all that reading takes. */
const endpoints = [
  'GET /v1/{prefix}/namespaces',
  'GET /v1/{prefix}/namespaces/{namespace}',
  'HEAD /v1/{prefix}/namespaces/{namespace}',
  'GET /v1/{prefix}/namespaces/{namespace}/tables',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'GET /v1/{prefix}/namespaces/{namespace}/views',
];

class CatalogRefusal extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

interface NamespaceParams {
  readonly namespace: string;
}

interface TableParams extends NamespaceParams {
  readonly table: string;
}

/** The Iceberg REST catalog of the lake, for reading alone: other engines ask it for the newest metadata of a table. */
export async function addIcebergCatalog(
  app: FastifyInstance,
  options: IcebergCatalogOptions,
  log: Pick<Logger, 'error'>,
): Promise<void> {
  const { tables, clientSettings } = options;
  await app.register(
    async (catalog) => {
      catalog.addHook('onRoute', (route) => {
        route.schema = { ...route.schema, hide: true };
      });
      catalog.setErrorHandler((error: FastifyError, request, reply) => {
        const refusal = refusalOf(error);
        if (refusal.status === 500) log.error({ err: error, route: request.routeOptions.url }, 'a request failed');
        return refuse(reply, refusal);
      });
      catalog.setNotFoundHandler((request, reply) => {
        const reads = request.method === 'GET' || request.method === 'HEAD';
        const refusal = reads
          ? new CatalogRefusal(404, 'NoSuchEndpointException', 'the catalog has nothing at this address')
          : new CatalogRefusal(406, 'UnsupportedOperationException', 'the tables are written by Tidemark alone');
        return refuse(reply, refusal);
      });

      const knownNamespace = (name: string) => {
        if (name === namespace) return;
        throw new CatalogRefusal(404, 'NoSuchNamespaceException', `there is one namespace: ${namespace}`);
      };
      const knownTable = async (params: TableParams) => {
        knownNamespace(params.namespace);
        const found = await tables.newest(params.table);
        if (found !== undefined) return found;
        throw new CatalogRefusal(
          404,
          'NoSuchTableException',
          `${namespace} has no table ${params.table} with a row in it`,
        );
      };

      catalog.get('/v1/config', async () => ({ defaults: clientSettings, overrides: {}, endpoints }));

      catalog.get<{ Querystring: { parent?: string } }>('/v1/namespaces', async ({ query }) => {
        if (query.parent === undefined || query.parent === '') return { namespaces: [[namespace]] };
        knownNamespace(query.parent);
        return { namespaces: [] };
      });

      const one = '/v1/namespaces/:namespace';
      catalog.head<{ Params: NamespaceParams }>(one, async ({ params }, reply) => {
        knownNamespace(params.namespace);
        return reply.code(204).send();
      });
      catalog.get<{ Params: NamespaceParams }>(one, async ({ params }) => {
        knownNamespace(params.namespace);
        return { namespace: [namespace], properties: {} };
      });

      catalog.get<{ Params: NamespaceParams }>(`${one}/tables`, async ({ params }) => {
        knownNamespace(params.namespace);
        return { identifiers: (await tables.names()).map((name) => ({ namespace: [namespace], name })) };
      });

      catalog.head<{ Params: TableParams }>(`${one}/tables/:table`, async ({ params }, reply) => {
        await knownTable(params);
        return reply.code(204).send();
      });
      catalog.get<{ Params: TableParams }>(`${one}/tables/:table`, async ({ params, headers }, reply) => {
        const { metadataLocation, metadata } = await knownTable(params);
        const etag = `"${createHash('sha256').update(metadataLocation).digest('base64url').slice(0, 27)}"`;
        reply.header('etag', etag);
        if (headers['if-none-match'] === etag) return reply.code(304).send();
        return { 'metadata-location': metadataLocation, metadata, config: clientSettings };
      });

      catalog.get<{ Params: NamespaceParams }>(`${one}/views`, async ({ params }) => {
        knownNamespace(params.namespace);
        return { identifiers: [] };
      });
      catalog.get<{ Params: NamespaceParams & { view: string } }>(`${one}/views/:view`, async ({ params }) => {
        knownNamespace(params.namespace);
        throw new CatalogRefusal(404, 'NoSuchViewException', `${namespace} has no views`);
      });
    },
    { prefix: icebergPrefix },
  );
}

function refusalOf(error: FastifyError): CatalogRefusal {
  if (error instanceof CatalogRefusal) return error;
  if (error instanceof TidemarkError && error.retry === 'later') {
    return new CatalogRefusal(503, 'ServiceUnavailableException', withoutPaths(error.message));
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return new CatalogRefusal(status, 'BadRequestException', withoutPaths(error.message));
  return new CatalogRefusal(500, 'InternalServerError', 'something went wrong here; the log has it');
}

function refuse(reply: FastifyReply, { status, type, message }: CatalogRefusal): FastifyReply {
  return reply.code(status).send({ error: { message, type, code: status } });
}
