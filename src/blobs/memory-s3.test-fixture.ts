// As much of S3 as tests need that may not start a real server: objects in memory, conditions, parts, pages of lists.
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoredObject {
  readonly body: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly storedAt: Date;
}

interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly initiated: Date;
  readonly parts: Map<number, Buffer>;
}

/** An answer other than the one a healthy store gives. */
export interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Seen {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

export class MemoryS3 {
  readonly bucket = 'bucket';
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  readonly seen: Seen[] = [];
  /** Asked before each request is served; an answer takes its place. */
  script: (request: Seen) => Answer | undefined = () => undefined;
  honoursConditions = true;
  pageSize = 1000;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<MemoryS3> {
    const server = createServer();
    const store = new MemoryS3(server);
    server.on('request', (request, response) => void store.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks);
    const url = new URL(request.url!, this.endpoint);
    const [bucket, ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const seen = { method: request.method!, key, query: url.searchParams, headers: request.headers };
    this.seen.push(seen);
    const scripted = this.script(seen);
    if (scripted !== undefined) return refuse(response, scripted);
    if (bucket !== this.bucket) return refuse(response, { status: 404, code: 'NoSuchBucket' });
    const sent = request.headers['x-amz-content-sha256'];
    if (createHash('sha256').update(body).digest('hex') !== sent) {
      return refuse(response, { status: 400, code: 'XAmzContentSHA256Mismatch' });
    }
    if (key === '') return this.#list(url.searchParams, response);
    const uploadId = url.searchParams.get('uploadId');
    if (url.searchParams.has('uploads') && request.method === 'POST') return this.#create(key, request, response);
    if (uploadId !== null) return this.#part(uploadId, seen, body, response);
    if (request.method === 'PUT') return this.#put(key, request, body, response);
    if (request.method === 'DELETE') {
      this.objects.delete(key);
      return response.writeHead(204).end();
    }
    return this.#get(key, request, response);
  }

  #put(key: string, { headers }: IncomingMessage, body: Buffer, response: ServerResponse): ServerResponse {
    if (this.#isRefused(headers['if-none-match'], key))
      return refuse(response, { status: 412, code: 'PreconditionFailed' });
    this.objects.set(key, { body, metadata: metadataIn(headers), storedAt: new Date() });
    return response.writeHead(200, { etag: etagOf(body) }).end();
  }

  #isRefused(ifNoneMatch: string | undefined, key: string): boolean {
    return this.honoursConditions && ifNoneMatch === '*' && this.objects.has(key);
  }

  #get(key: string, { headers, method }: IncomingMessage, response: ServerResponse): ServerResponse {
    const found = this.objects.get(key);
    if (found === undefined) return refuse(response, { status: 404, code: 'NoSuchKey' }, method === 'HEAD');
    const etag = etagOf(found.body);
    if (headers['if-match'] !== undefined && headers['if-match'] !== etag) {
      return refuse(response, { status: 412, code: 'PreconditionFailed' });
    }
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const body = found.body.subarray(from);
    const answer: Record<string, string> = { etag, 'content-length': String(body.byteLength) };
    for (const [name, value] of Object.entries(found.metadata)) answer[`x-amz-meta-${name}`] = value;
    if (from > 0) answer['content-range'] = `bytes ${from}-${found.body.byteLength - 1}/${found.body.byteLength}`;
    response.writeHead(from > 0 ? 206 : 200, answer);
    return response.end(method === 'HEAD' ? undefined : body);
  }

  #list(query: URLSearchParams, response: ServerResponse): ServerResponse {
    if (query.has('uploads')) {
      const uploads = [...this.uploads].map(
        ([id, { key, initiated }]) =>
          `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
      );
      return xml(response, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`);
    }
    const after = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()]
      .sort()
      .filter((key) => key > after && key.startsWith(query.get('prefix') ?? ''));
    const page = keys.slice(0, this.pageSize);
    const contents = page.map((key) => {
      const { body, storedAt } = this.objects.get(key)!;
      return `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${body.byteLength}</Size><LastModified>${storedAt.toISOString()}</LastModified></Contents>`;
    });
    const isTruncated = page.length < keys.length;
    const next = isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    return xml(
      response,
      `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    );
  }

  #create(key: string, { headers }: IncomingMessage, response: ServerResponse): ServerResponse {
    const id = randomUUID();
    this.uploads.set(id, { key, metadata: metadataIn(headers), initiated: new Date(), parts: new Map() });
    return xml(
      response,
      `<InitiateMultipartUploadResult><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  #part(id: string, { method, query, headers }: Seen, body: Buffer, response: ServerResponse): ServerResponse {
    const upload = this.uploads.get(id);
    if (upload === undefined) return refuse(response, { status: 404, code: 'NoSuchUpload' });
    if (method === 'PUT') {
      upload.parts.set(Number(query.get('partNumber')), body);
      return response.writeHead(200, { etag: etagOf(body) }).end();
    }
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return response.writeHead(204).end();
    }
    if (this.#isRefused(headers['if-none-match'], upload.key)) {
      return refuse(response, { status: 412, code: 'PreconditionFailed' });
    }
    const parts = [...upload.parts].sort(([a], [b]) => a - b).map(([, part]) => part);
    this.objects.set(upload.key, { body: Buffer.concat(parts), metadata: upload.metadata, storedAt: new Date() });
    this.uploads.delete(id);
    return xml(response, `<CompleteMultipartUploadResult><Key>${upload.key}</Key></CompleteMultipartUploadResult>`);
  }
}

function metadataIn(headers: IncomingMessage['headers']): Record<string, string> {
  const mark = 'x-amz-meta-';
  const own = Object.entries(headers).filter(([name]) => name.startsWith(mark));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(mark.length), String(value)]));
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function xml(response: ServerResponse, text: string): ServerResponse {
  return response.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${text}`);
}

function refuse(response: ServerResponse, { status, code, headers }: Answer, isHead = false): ServerResponse {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers });
  return response.end(
    isHead || code === undefined ? undefined : `<Error><Code>${code}</Code><Message>no</Message></Error>`,
  );
}
