import { Agent, get } from 'node:http';

/** One connection, as a dashboard keeps it. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

interface Candle {
  readonly state: string;
  readonly tradeCount: number;
}

/** Time from the request to the last byte of the answer, ms, and the answer. */
export function timedGet(url: string): Promise<{ ms: number; bytes: number; body: string }> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    get(url, { agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const ms = performance.now() - startedAt;
        const body = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve({ ms, bytes: body.length, body: body.toString() });
        else reject(new Error(`${url}: ${response.statusCode} ${body.toString().slice(0, 300)}`));
      });
    }).on('error', reject);
  });
}

export function dayUrl(server: string, fromUs: number, toUs: number): string {
  const query = `instrument=binance:spot:BTCUSDT&interval=1m&from=${fromUs}&to=${toUs}&limit=1440`;
  return `${server.replace(/\/$/, '')}/api/v1/candles?${query}`;
}

/** The answer is the whole day, and none of its trades is missing. */
export function checkDay(body: string, trades: number): void {
  const { candles } = JSON.parse(body) as { candles: readonly Candle[] };
  const counted = candles.reduce((sum, candle) => sum + candle.tradeCount, 0);
  const finals = candles.filter(({ state }) => state === 'final').length;
  if (candles.length === 1440 && finals === 1440 && counted === trades) return;
  throw new Error(`${candles.length} candles, ${finals} of them final, of ${counted} trades instead of ${trades}`);
}
