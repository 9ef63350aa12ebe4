// A venue that sends trades at an even pace, each with its time of sending as trade time. Argument: origin of the shared
// clock. Prints its port, then `subscribed` for each connection; reads `{"rate":…,"seconds":…}` lines, prints `sent N`.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { type WebSocket, WebSocketServer } from 'ws';
import { sharedClock } from './clock.ts';

const nowUs = sharedClock(Number(process.argv[2]));
const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];
let nextId = 1000;

const fact = (symbol: string) => ({
  symbol,
  status: 'TRADING',
  baseAsset: symbol.slice(0, 3),
  quoteAsset: 'USDT',
  filters: [
    { filterType: 'PRICE_FILTER', minPrice: '0.01000000', maxPrice: '1000000.00000000', tickSize: '0.01000000' },
    { filterType: 'LOT_SIZE', minQty: '0.00001000', maxQty: '9000.00000000', stepSize: '0.00001000' },
  ],
});

const server = createServer((request, response) => {
  const path = (request.url ?? '').split('?')[0];
  const answer =
    path === '/api/v3/time'
      ? { serverTime: nowUs() }
      : path === '/api/v3/exchangeInfo'
        ? { timezone: 'UTC', serverTime: nowUs(), rateLimits: [], symbols: symbols.map(fact) }
        : undefined;
  response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer ?? { code: -1121, msg: 'nothing here' }));
});
const sockets = new Set<WebSocket>();
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, _request) => {
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.on('message', (data: Buffer) => {
    const { id } = JSON.parse(data.toString()) as { id: number };
    socket.send(JSON.stringify({ result: null, id }));
    sockets.add(socket);
    process.stdout.write('subscribed\n');
  });
});

function frame(): string {
  const id = nextId++;
  const symbol = symbols[id % symbols.length]!;
  const price = `61685.${String(10 + (id % 89)).padEnd(8, '0')}`;
  const quantity = `0.0${String(1000 + (id % 8999)).padEnd(7, '0')}`;
  const atUs = nowUs();
  return `{"stream":"${symbol.toLowerCase()}@trade","data":{"e":"trade","E":${atUs},"s":"${symbol}","t":${(id / symbols.length) | 0},"p":"${price}","q":"${quantity}","T":${atUs},"m":${id % 2 === 0},"M":true}}`;
}

function pace(rate: number, seconds: number): void {
  const startedAtUs = nowUs();
  const wanted = rate * seconds;
  let sent = 0;
  const step = (): void => {
    const due = Math.min(wanted, Math.floor(((nowUs() - startedAtUs) * rate) / 1_000_000));
    for (; sent < due; sent++) {
      const text = frame();
      for (const socket of sockets) socket.send(text);
    }
    if (sent < wanted) setTimeout(step, 1);
    else process.stdout.write(`sent ${sent}\n`);
  };
  step();
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { rate, seconds } = JSON.parse(line) as { rate: number; seconds: number };
    pace(rate, seconds);
  })
  .on('close', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});
