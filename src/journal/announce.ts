import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import type { Announcer, JournalNews, Listener } from './host.ts';

const messageBytes = 40;
/** Unix socket addresses end at 108 bytes with their NUL. */
const longestSocketPath = 106;
const reconnectMs = 100;

/** A reader finds the socket without asking: the rule depends on the folder's path alone. */
function socketPath(folder: string): string {
  const near = `${fs.realpathSync(folder)}/announce.sock`;
  if (Buffer.byteLength(near) <= longestSocketPath) return near;
  return `${tmpdir()}/tidemark-${createHash('sha256').update(near).digest('hex').slice(0, 32)}.sock`;
}

/** Only for the holder of the writer's lock: it removes the socket that a killed process left. */
export function createAnnouncer(folder: string): Announcer {
  const path = socketPath(folder);
  fs.rmSync(path, { force: true });
  const sockets = new Set<net.Socket>();
  let latest: Buffer | undefined;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    // A slow listener gets the newest word when it has taken the last one; older ones are of no use to it.
    socket.on('drain', () => {
      if (latest !== undefined) socket.write(latest);
    });
    socket.resume();
    if (latest !== undefined) socket.write(latest);
  });
  // Without the socket readers poll, which is slower and as right.
  server.on('error', () => {});
  server.listen(path);
  return {
    announce(news) {
      latest = encodeNews(news);
      for (const socket of sockets) if (!socket.writableNeedDrain) socket.write(latest);
    },
    close() {
      server.close();
      for (const socket of sockets) socket.end();
    },
  };
}

export function createListener(folder: string, heard: (news: JournalNews) => void): Listener {
  let isConnected = false;
  let isClosed = false;
  let socket: net.Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  const connect = (): void => {
    if (isClosed) return;
    let rest = Buffer.alloc(0);
    try {
      socket = net.connect(socketPath(folder));
    } catch {
      timer = setTimeout(connect, reconnectMs);
      timer.unref();
      return;
    }
    socket.on('data', (chunk) => {
      isConnected = true;
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = Math.floor(rest.length / messageBytes);
      if (whole === 0) return;
      const news = decodeNews(rest, (whole - 1) * messageBytes);
      rest = Buffer.from(rest.subarray(whole * messageBytes));
      heard(news);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      isConnected = false;
      if (isClosed) return;
      timer = setTimeout(connect, reconnectMs);
      timer.unref();
    });
  };
  connect();
  return {
    get isConnected() {
      return isConnected;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}

function encodeNews(news: JournalNews): Buffer {
  const bytes = Buffer.alloc(messageBytes);
  bytes.writeDoubleLE(news.segment, 0);
  bytes.writeDoubleLE(news.writtenOffset, 8);
  bytes.writeDoubleLE(news.writtenSequence, 16);
  bytes.writeDoubleLE(news.syncedOffset, 24);
  bytes.writeDoubleLE(news.syncedSequence, 32);
  return bytes;
}

function decodeNews(bytes: Buffer, at: number): JournalNews {
  return {
    segment: bytes.readDoubleLE(at),
    writtenOffset: bytes.readDoubleLE(at + 8),
    writtenSequence: bytes.readDoubleLE(at + 16),
    syncedOffset: bytes.readDoubleLE(at + 24),
    syncedSequence: bytes.readDoubleLE(at + 32),
  };
}
