import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { TidemarkError } from '../domain/error.ts';
import type { Wire } from './connection.ts';

export interface Asked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly address: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface WireEvents {
  message(text: string): void;
  pinged(): void;
  pong(): void;
  closed(): void;
}

export interface Doors {
  /** `undefined` from the answer: the connection is cut without one. */
  request(asked: Asked): Promise<Answered | undefined>;
  /** Who may connect: the handlers of a new connection, or the answer that refuses it. */
  upgrade(asked: Asked): Answered | ((wire: Wire) => WireEvents);
}

/** The only file here that opens a socket: HTTP and WebSocket on one port, with or without TLS. */
export async function listen(
  options: { host: string; port: number; tls?: { key: string; cert: string } },
  doors: Doors,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    void doors.request(asked(request)).then((answer) => {
      if (answer === undefined) request.socket.destroy();
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  };
  const server = options.tls === undefined ? createHttpServer(serve) : createHttpsServer({ ...options.tls }, serve);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });

  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1 << 20 });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    const verdict = doors.upgrade(asked(request));
    if (typeof verdict !== 'function') {
      const headers = Object.entries({ ...verdict.headers, 'content-length': Buffer.byteLength(verdict.body) });
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.end(`HTTP/1.1 ${verdict.status} Refused\r\n${lines}connection: close\r\n\r\n${verdict.body}`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (client) => {
      const raw = socket as Socket;
      const events = verdict({
        send: (text) => client.send(text, ignore),
        ping: (payload) => client.ping(payload, false, ignore),
        close: (code, reason) => client.close(code, reason),
        terminate: () => {
          raw.resetAndDestroy();
          client.terminate();
        },
        cork: () => raw.cork(),
        uncork: () => raw.uncork(),
        get bufferedBytes() {
          return client.bufferedAmount;
        },
      });
      client.on('message', (data) => events.message(data.toString()));
      client.on('ping', () => events.pinged());
      client.on('pong', () => events.pong());
      client.on('close', () => events.closed());
      client.on('error', ignore);
    });
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new TidemarkError('harbour-listen', {
          doing: 'open the harbour on',
          what: `${options.host}:${options.port}`,
          cause,
          now: 'choose another port, or 0 for any free one',
        }),
      ),
    );
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of webSockets.clients) client.terminate();
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function ignore(): void {}

function asked(request: IncomingMessage): Asked {
  const url = new URL(request.url ?? '/', 'http://harbour');
  return {
    method: request.method ?? 'GET',
    host: (request.headers.host ?? '').replace(/:\d+$/, ''),
    path: safeDecode(url.pathname),
    query: url.searchParams,
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(',') : (value ?? ''),
      ]),
    ),
    address: request.socket.remoteAddress ?? '',
  };
}

function safeDecode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
