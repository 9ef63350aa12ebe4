import http from 'node:http';
import { WebSocket } from 'ws';
import { type RunningServer, type ServerOptions, startServer } from '../../src/server/index.ts';
import { TestView } from '../../src/server/server.test-view.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';

/** Saturday 2026-11-21 12:00:30 UTC. */
export const testNowUs = Date.UTC(2026, 10, 21, 12, 0, 30) * 1000;

const world = createNodeWorld();

export interface TestServer extends RunningServer {
  readonly view: TestView;
  readonly logged: { fields: object; message: string }[];
}

/** The server over a made-up market whose clock stands still, on a free port. `history`: two days of it, not a beginning. */
export async function startTestServer(options: Partial<ServerOptions> = {}, history = false): Promise<TestServer> {
  const view = new TestView({ seed: 1, nowUs: testNowUs, history });
  const logged: TestServer['logged'] = [];
  const log = (fields: object, message: string) => logged.push({ fields, message });
  const server = await startServer(view, {
    host: '127.0.0.1',
    port: 0,
    dataKind: 'simulated',
    log: { info: log, warn: log, error: log },
    clock: { wallUs: () => testNowUs, monotonicUs: () => world.clock.monotonicUs() },
    timers: world.timers,
    random: world.random,
    ...options,
  });
  return Object.assign(server, { view, logged });
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  readonly json: any;
}

/** A request with any headers, `Host` and `Origin` included, and the path exactly as written. */
export function ask(
  server: { port: number },
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = http.request(
      { host: '127.0.0.1', port: server.port, path, method, headers, agent: false },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson ? JSON.parse(text) : undefined,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** A WebSocket client that keeps what it was told. */
export class TestClient {
  // biome-ignore lint/suspicious/noExplicitAny: messages are looked into freely by tests
  readonly messages: any[] = [];
  readonly socket: WebSocket;
  closed: { code: number } | undefined;
  #waiters: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString('utf8')));
      this.#wake();
    });
    socket.on('close', (code) => {
      this.closed = { code };
      this.#wake();
    });
    socket.on('error', () => {});
  }

  static async connect(server: { port: number }, headers: Record<string, string> = {}): Promise<TestClient> {
    const client = new TestClient(new WebSocket(`ws://127.0.0.1:${server.port}/api/v1/live`, { headers }));
    await client.until(() => client.messages.length > 0 || client.closed !== undefined);
    return client;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async next(matches: (message: any) => boolean): Promise<any> {
    await this.until(() => this.messages.some(matches));
    return this.messages.find(matches);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed !== undefined) throw new Error(`the server closed the socket (${this.closed.code})`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** The status with which an upgrade is answered: 101 when it is accepted. */
export function upgradeStatus(
  server: { port: number },
  headers: Record<string, string>,
  path = '/api/v1/live',
): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port: server.port,
      path,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    });
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end();
  });
}
