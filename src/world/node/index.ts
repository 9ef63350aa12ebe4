import { randomBytes } from 'node:crypto';
import type { World } from '../../ports/world.ts';
import { createNodeClock } from './clock.ts';
import { createNodeFiles } from './files.ts';
import { createHttpGet } from './http-get.ts';
import { createReach } from './reach.ts';
import { createNodeTimers } from './timers.ts';
import { dialWebSocket } from './web-socket.ts';

/** The real world. `resolve` lets a host name stand for an address here, TLS name checks unchanged. */
export function createNodeWorld(
  options: {
    certificateAuthority?: Buffer | string | undefined;
    resolve?: Readonly<Record<string, { address: string; port: number }>> | undefined;
  } = {},
): World {
  const reach = createReach(options);
  return {
    clock: createNodeClock(),
    timers: createNodeTimers(),
    random: { fraction: Math.random, hex: (bytes) => randomBytes(bytes).toString('hex') },
    network: {
      webSocket: (url, events, limits) => dialWebSocket(reach, url, events, limits),
      httpGet: createHttpGet(reach),
    },
    files: createNodeFiles(),
  };
}
