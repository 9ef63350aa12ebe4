import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import WebSocket from 'ws';
import type { Network, WebSocketConnection, WebSocketEvents } from '../../ports/world.ts';
import type { Reach } from './reach.ts';

const refusalBodyBytes = 4096;
type End = Parameters<WebSocketEvents['closed']>[0];

export function dialWebSocket(
  reach: Reach,
  url: string,
  events: WebSocketEvents,
  options: Parameters<Network['webSocket']>[2],
): WebSocketConnection {
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, {
      perMessageDeflate: false,
      maxPayload: options.maxPayloadBytes,
      handshakeTimeout: options.handshakeTimeoutMs,
      followRedirects: false,
      // Text that is not UTF-8 is a finding of the decoder, not a reason to drop a connection.
      skipUTF8Validation: true,
      ...connectOptions(reach, url),
    } as WebSocket.ClientOptions);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    setImmediate(() => events.closed({ code: 1006, reason, byUs: false }));
    return { send() {}, pause() {}, resume() {}, close() {}, terminate() {} };
  }

  let byUs = false;
  let refused: End['refused'];
  let failure: (Error & { code?: string }) | undefined;
  socket.binaryType = 'nodebuffer';
  socket.on('open', () => {
    (socket as unknown as { _socket?: net.Socket })._socket?.setNoDelay(true);
    events.opened();
  });
  socket.on('message', events.message as (data: WebSocket.RawData, isBinary: boolean) => void);
  socket.on('ping', (payload) => events.ping(payload));
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('unexpected-response', (request, response) => {
    readRefusal(response, (body) => {
      const retryAfterS = Number(response.headers['retry-after']);
      refused = {
        status: response.statusCode ?? 0,
        ...(Number.isFinite(retryAfterS) ? { retryAfterS } : {}),
        body,
      };
      request.destroy();
      // `ws` leaves the end of a refused upgrade to whoever listens for it.
      socket.terminate();
    });
  });
  socket.on('close', (code, reason) => {
    if (refused !== undefined) {
      return events.closed({ code: 1006, reason: `the upgrade was refused: ${refused.status}`, byUs: false, refused });
    }
    if (failure?.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      return events.closed({ code: 1009, reason: `frame over ${options.maxPayloadBytes} bytes`, byUs: true });
    }
    events.closed({ code, reason: reason.length > 0 ? reason.toString() : (failure?.message ?? ''), byUs });
  });

  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close(code, reason) {
      byUs = true;
      socket.close(code, reason);
    },
    terminate() {
      byUs = true;
      socket.terminate();
    },
  };
}

function readRefusal(response: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isDone = false;
  const end = (): void => {
    if (isDone) return;
    isDone = true;
    done(Buffer.concat(chunks).subarray(0, refusalBodyBytes).toString());
  };
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= refusalBodyBytes) end();
  });
  response.on('end', end);
  response.on('error', end);
  response.on('close', end);
}

function connectOptions(reach: Reach, url: string): object {
  const { hostname } = new URL(url);
  const moved = reach.resolve[hostname];
  const trust = reach.certificateAuthorities === undefined ? {} : { ca: [...reach.certificateAuthorities] };
  if (moved === undefined) return trust;
  return {
    ...trust,
    createConnection: (given: object) => {
      // `path` would make it a Unix socket.
      const target = {
        ...given,
        path: undefined,
        host: moved.address,
        port: moved.port,
      } as unknown as net.NetConnectOpts;
      return url.startsWith('wss:') ? tls.connect({ ...target, servername: hostname }) : net.connect(target);
    },
  };
}
