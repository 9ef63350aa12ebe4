import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of a request. */
export type HttpFate =
  | 'pass'
  /** It waits for a while first. */
  | { readonly delayMs: number }
  /** It is answered with this status, and the server never sees it. */
  | { readonly status: number; readonly code: string }
  /** The connection is reset before the server sees it. */
  | 'cut'
  /** It takes effect; the connection is reset instead of the answer. */
  | 'lose-answer'
  /** It takes effect; half of the answer arrives. */
  | 'cut-answer';

export interface HttpFaultProxyOptions {
  /** `http://127.0.0.1:port`. */
  readonly target: string;
  fate?(asked: { readonly method: string; readonly path: string }): HttpFate;
}

/** A relay for HTTP on 127.0.0.1. Headers go through as they are, the Host too: signatures stay good. */
export class HttpFaultProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true });
  /** May be replaced while it runs. */
  fate: (asked: { readonly method: string; readonly path: string }) => HttpFate;
  /** Requests by what became of them. */
  readonly counts = new Map<string, number>();

  static async start(options: HttpFaultProxyOptions): Promise<HttpFaultProxy> {
    const proxy = new HttpFaultProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor({ target, fate }: HttpFaultProxyOptions) {
    this.#target = new URL(target);
    this.fate = fate ?? (() => 'pass');
    this.#server = createServer((asked, answer) => void this.#relay(asked, answer));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  async #relay(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const fate = this.fate({ method: asked.method!, path: asked.url! });
    const name = typeof fate === 'string' ? fate : 'status' in fate ? String(fate.status) : 'delay';
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    asked.on('error', () => {});
    answer.on('error', () => {});
    const cut = (): void => void asked.socket.resetAndDestroy();
    if (fate === 'cut') return cut();
    if (typeof fate === 'object' && 'status' in fate) {
      asked.resume();
      answer.writeHead(fate.status, { 'content-type': 'application/xml', connection: 'close' });
      answer.end(`<?xml version="1.0"?><Error><Code>${fate.code}</Code><Message>injected</Message></Error>`);
      return;
    }
    if (typeof fate === 'object') await sleep(fate.delayMs);
    const { expect: _, ...headers } = asked.headers;
    const forwarded = request(
      {
        host: this.#target.hostname,
        port: this.#target.port,
        method: asked.method,
        path: asked.url,
        headers,
        agent: this.#agent,
      },
      (given) => {
        given.on('error', cut);
        if (fate === 'lose-answer') {
          given.resume();
          given.on('end', cut);
          return;
        }
        answer.writeHead(given.statusCode!, given.rawHeaders);
        if (fate !== 'cut-answer') return void given.pipe(answer);
        const half = Math.floor(Number(given.headers['content-length'] ?? 0) / 2);
        let sent = 0;
        answer.flushHeaders();
        given.on('data', (bytes: Buffer) => {
          if (sent < half) answer.write(bytes.subarray(0, half - sent));
          sent += bytes.length;
        });
        given.on('end', () => setImmediate(cut));
      },
    );
    forwarded.on('error', cut);
    asked.pipe(forwarded);
  }
}
