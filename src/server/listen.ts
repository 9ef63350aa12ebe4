import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { TidemarkError } from '../domain/error.ts';
import type { Timers } from '../ports/world.ts';
import { livePath } from '../protocol/live.ts';
import { type Access, type CallerHeaders, refuseUpgrade } from './access.ts';
import type { ServerLimits } from './limits.ts';
import type { LiveConnection } from './live-client.ts';
import { makeProblem } from './problem.ts';

// The one file of the server that touches sockets.

export interface LiveListener {
  closed(): void;
  pong(): void;
  receive(text: string): void;
  refuseBinary(): void;
}

/** Binds the port; the number bound. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const what = `${host}:${port}`;
    if (code === 'EADDRINUSE') {
      throw new TidemarkError('port-in-use', {
        doing: 'listen on',
        what,
        why: 'another program has this port',
        now: 'stop the other program or set server.port',
        cause,
      });
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      const why = code === 'EACCES' ? 'this user may not use this port' : 'this machine has no such address';
      throw new TidemarkError('bad-address', {
        doing: 'listen on',
        what,
        why,
        now: 'set server.host and server.port',
        cause,
      });
    }
    throw cause;
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

export interface LiveSockets {
  count(): number;
  /** Says goodbye to all, then drops who does not answer. */
  close(): Promise<void>;
}

export function acceptLive(
  app: FastifyInstance,
  options: {
    access: () => Access;
    limits: ServerLimits;
    timers: Timers;
    open: (connection: LiveConnection) => LiveListener;
  },
): LiveSockets {
  const { limits, timers } = options;
  const sockets = new Set<WebSocket>();
  let isClosing = false;
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.liveMessageBytes,
    perMessageDeflate: false,
    clientTracking: false,
  });

  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Without a listener a reset during the handshake would end the process.
    socket.on('error', () => socket.destroy());
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== livePath) return refuse(socket, 404, 'not-found', `WebSockets live at ${livePath}`);
    const refusal = refuseUpgrade(options.access(), request.headers as CallerHeaders, request.socket.remoteAddress);
    if (refusal !== undefined) return refuse(socket, refusal.status, refusal.code, refusal.detail);
    if (isClosing) return refuse(socket, 503, 'not-ready', 'the server is stopping');
    if (sockets.size >= limits.liveClients) {
      return refuse(
        socket,
        503,
        'too-many-clients',
        `${limits.liveClients} clients are connected, which is all it takes`,
      );
    }
    server.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.add(webSocket);
      const listener = options.open(connectionOf(webSocket));
      webSocket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) listener.refuseBinary();
        else listener.receive(data.toString('utf8'));
      });
      webSocket.on('pong', () => listener.pong());
      webSocket.on('error', () => webSocket.terminate());
      webSocket.on('close', () => {
        sockets.delete(webSocket);
        listener.closed();
      });
    });
  });

  return {
    count: () => sockets.size,
    async close() {
      isClosing = true;
      const all = [...sockets];
      const ends = all.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
      for (const socket of all) socket.close(1001, 'the server is stopping');
      const cancel = timers.after(250, () => {
        for (const socket of all) socket.terminate();
      });
      await Promise.all(ends);
      cancel();
    },
  };
}

function connectionOf(socket: WebSocket): LiveConnection {
  return {
    send: (bytes) => {
      if (socket.readyState === socket.OPEN) socket.send(bytes, { binary: false });
    },
    bufferedBytes: () => socket.bufferedAmount,
    ping: () => {
      if (socket.readyState === socket.OPEN) socket.ping();
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}

function refuse(socket: Duplex, status: number, code: string, detail: string): void {
  const body = JSON.stringify(makeProblem(status, code, detail));
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
