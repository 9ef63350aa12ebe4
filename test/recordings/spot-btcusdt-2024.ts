import { joinFeeds, openRecording, type ReplayFeed } from '../../src/harbour/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { recording } from '../recordings.ts';

/** BTCUSDT spot of 2024-08-08 23:54 to 08-09 00:05, one unbroken recording in two files. */
export const paths = [
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz',
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz',
] as const;

export const btcusdt = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' } as const;
export const firstTradeId = 3735683259;
export const lastTradeId = 3735703162;

export function feed(): ReplayFeed {
  const { files } = createNodeWorld();
  return joinFeeds(...paths.map((path) => openRecording(files, recording(path))));
}
