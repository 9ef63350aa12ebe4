// Between an HTTP client and its server: what a network and a busy store do to requests, each at a chosen one.
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Fate =
  /** Untouched. */
  | { readonly kind: 'pass' }
  /** Answered in the server's place; the server hears nothing. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The connection ends before the server hears of it. */
  | { readonly kind: 'cut' }
  /** The server gets so many bytes of the body, then both connections end. */
  | { readonly kind: 'cut-request'; readonly atByte: number }
  /** The client gets so many bytes of the answer's body, then its connection ends. */
  | { readonly kind: 'cut-answer'; readonly atByte: number }
  /** The server does what it was asked, and nobody hears. */
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The connection stays open and nothing comes. */
  | { readonly kind: 'silence' }
  /** One bit of the answer's body is another one. */
  | { readonly kind: 'flip' };

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** How many came before. */
  readonly at: number;
}

export class HttpFaultProxy {
  fate: (asked: Asked) => Fate = () => ({ kind: 'pass' });
  asked: Asked[] = [];
  /** Requests that did not pass untouched. */
  harmed = 0;
  readonly #server: Server;
  readonly #targetPort: number;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
  }

  static async start(targetPort: number): Promise<HttpFaultProxy> {
    const server = createServer();
    const proxy = new HttpFaultProxy(server, targetPort);
    server.on('request', (request, response) => void proxy.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { method: request.method!, path: request.url!, at: this.asked.length };
    this.asked.push(asked);
    const fate = this.fate(asked);
    if (fate.kind !== 'pass') this.harmed++;
    response.on('error', () => {});
    const body: Buffer[] = [];
    try {
      for await (const chunk of request) body.push(chunk as Buffer);
      if (fate.kind === 'cut') response.socket?.destroy();
      else if (fate.kind === 'silence') return;
      else if (fate.kind === 'refuse') {
        response.writeHead(fate.status, { 'content-type': 'application/xml' });
        response.end(request.method === 'HEAD' ? undefined : `<Error><Code>${fate.code}</Code></Error>`);
      } else {
        if (fate.kind === 'delay') await sleep(fate.ms);
        await this.#forward(request, Buffer.concat(body), response, fate);
      }
    } catch {
      response.socket?.destroy();
    }
  }

  #forward(request: IncomingMessage, body: Buffer, response: ServerResponse, fate: Fate): Promise<void> {
    return new Promise((resolve, reject) => {
      const { method, url: path, headers } = request;
      const onward = httpRequest({ port: this.#targetPort, host: '127.0.0.1', method, path, headers, agent: false });
      onward.on('error', reject);
      onward.on('response', (answer) => {
        const chunks: Buffer[] = [];
        answer.on('error', reject);
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          let bytes = Buffer.concat(chunks);
          if (fate.kind === 'lose-answer') response.socket?.destroy();
          else {
            if (fate.kind === 'flip' && bytes.byteLength > 0) bytes[bytes.byteLength >> 1]! ^= 1;
            const isCut = fate.kind === 'cut-answer';
            if (isCut) bytes = bytes.subarray(0, fate.atByte);
            response.writeHead(answer.statusCode!, answer.rawHeaders);
            if (isCut) response.write(bytes, () => response.socket?.destroy());
            else response.end(bytes);
          }
          resolve();
        });
      });
      if (fate.kind === 'cut-request') {
        onward.flushHeaders();
        onward.write(body.subarray(0, fate.atByte), () => {
          onward.destroy();
          response.socket?.destroy();
        });
        onward.on('close', () => resolve());
      } else onward.end(body);
    });
  }
}
