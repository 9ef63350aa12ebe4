// Sends prebuilt WebSocket frames over raw TCP, so that no WebSocket server is measured. Argument: how many frames each
// connection gets. Prints its port.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { hasRecordings, recording } from '../../test/recordings.ts';

const count = Number(process.argv[2]);

function payloads(): Buffer[] {
  const names = [
    'BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz',
    'BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz',
  ];
  if (!hasRecordings) {
    return Array.from({ length: 100_000 }, (_, id) =>
      Buffer.from(
        `{"stream":"btcusdt@trade","data":{"e":"trade","E":${1723161255208 + id},"s":"BTCUSDT","t":${3735683259 + id},"p":"61685.${10 + (id % 90)}000000","q":"0.${1000 + (id % 9000)}0000","T":${1723161255207 + id},"m":${id % 3 === 0},"M":true}}`,
      ),
    );
  }
  const lines: Buffer[] = [];
  for (const name of names) {
    const path = recording(`binance/spot/ws/${name}`);
    if (!existsSync(path)) continue;
    for (const line of gunzipSync(readFileSync(path)).toString().split('\n')) {
      const text = line.slice(line.indexOf(' ') + 1);
      if (text.startsWith('{"stream"')) lines.push(Buffer.from(text));
    }
  }
  return lines;
}

function serverFrame(payload: Buffer): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([0x81, length]), payload]);
  const head = length < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = 0x81;
  head[1] = length < 65536 ? 126 : 127;
  if (length < 65536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

const frames = payloads().map(serverFrame);
const round = Buffer.concat(frames);
const lastRound = Buffer.concat(frames.slice(0, count % frames.length));
const pieceBytes = 1 << 20;

function pieces(bytes: Buffer): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) list.push(bytes.subarray(at, at + pieceBytes));
  return list;
}

const queue = [
  ...Array.from({ length: Math.floor(count / frames.length) }, () => pieces(round)).flat(),
  ...pieces(lastRound),
];

function send(socket: Socket): void {
  let next = 0;
  const more = (): void => {
    while (next < queue.length) {
      const isTaken = socket.write(queue[next]!);
      next += 1;
      if (!isTaken) return;
    }
  };
  socket.on('drain', more);
  more();
}

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  let head = '';
  let isOpen = false;
  socket.on('data', (bytes) => {
    if (isOpen) {
      // The subscription: any message starts the flow, after one acknowledgement.
      if (head !== '') {
        head = '';
        socket.write(serverFrame(Buffer.from('{"result":null,"id":1}')));
        send(socket);
      }
      return;
    }
    head += bytes.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    isOpen = true;
    const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
