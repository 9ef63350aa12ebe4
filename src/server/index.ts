import { TidemarkError } from '../domain/error.ts';
import type { DataKind } from '../domain/state.ts';
import type { ModelLibrary } from '../models/library.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Clock, Random, Timers } from '../ports/world.ts';
import type { Access } from './access.ts';
import { isLoopbackName } from './access.ts';
import { createApp, type ServerLog } from './app.ts';
import type { IcebergCatalogOptions } from './iceberg.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import { acceptLive, type LiveSockets, listen } from './listen.ts';
import { LiveClient } from './live-client.ts';
import { LiveHub } from './live-hub.ts';
import { createMetrics } from './metrics.ts';
import { parseInstrument } from './query.ts';
import type { ReportLibrary } from './report-routes.ts';

export type { ServerLog } from './app.ts';
export { defaultLimits, type ServerLimits } from './limits.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly jobs?: Jobs;
  /** Stored reports. */
  readonly reports?: ReportLibrary;
  readonly models?: ModelLibrary;
  /** The built dashboard; without it the server says how to build it. */
  readonly webFolder?: string;
  /** Published tables, for the Iceberg REST catalog at /iceberg. */
  readonly iceberg?: IcebergCatalogOptions;
  readonly log: ServerLog;
  readonly dataKind: DataKind;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Further names under which the server is reached, `name` or `name:port`, as behind a proxy. */
  readonly allowedHosts?: readonly string[];
  /** Listen beyond loopback, where everyone who reaches the port can read and query. */
  readonly allowRemote?: boolean;
  readonly limits?: Partial<ServerLimits>;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves the view over HTTP and WebSocket. Rejects with `port-in-use`, `remote-refused` or `bad-address`. */
export async function startServer(view: MarketView, options: ServerOptions): Promise<RunningServer> {
  const { host, log, clock, timers, random, dataKind } = options;
  const limits = { ...defaultLimits, ...options.limits };
  if (!isLoopbackName(host) && options.allowRemote !== true) {
    throw new TidemarkError('remote-refused', {
      doing: 'listen on',
      what: host,
      why: 'it is reachable from other machines, and there is no login yet',
      now: 'use 127.0.0.1, or allow it explicitly with server.allowRemote',
    });
  }
  let port = options.port;
  const access = (): Access => ({
    boundHost: host,
    port,
    allowedHosts: options.allowedHosts ?? [],
    remote: options.allowRemote === true,
  });
  const { version } = view.status();
  const onError = (error: unknown) => log.error({ err: error }, 'the live hub failed');
  const hub = new LiveHub({ view, clock, timers, random, limits, onError });
  let sockets: LiveSockets | undefined;
  const metrics = createMetrics({
    status: () => view.status(),
    liveClients: () => sockets?.count() ?? 0,
    liveChannels: () => hub.channelCount,
    jobs: options.jobs,
  });
  const app = await createApp({
    view,
    access,
    dataKind,
    jobs: options.jobs,
    reports: options.reports,
    models: options.models,
    iceberg: options.iceberg,
    webFolder: options.webFolder,
    log,
    clock,
    random,
    limits,
    metrics,
    version,
    nowUs: marketNow(view, clock),
  });
  const hello = { type: 'hello', version, serverEpoch: random.hex(8), dataKind } as const;
  sockets = acceptLive(app, {
    access,
    limits,
    timers,
    open: (connection) =>
      new LiveClient(connection, {
        hub,
        clock,
        timers,
        limits,
        counts: metrics,
        hello,
        checkInstrument: (instrument) => parseInstrument(instrument, () => view.instruments()),
        onError,
      }),
  });
  try {
    port = await listen(app, host, port);
  } catch (error) {
    await app.close();
    throw error;
  }
  const shownHost = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${shownHost}:${port}`,
    port,
    close() {
      closing ??= (async () => {
        hub.close();
        await sockets?.close();
        await app.close();
      })();
      return closing;
    },
  };
}

/** The market's now: the wall's while recording, the recording's in a replay. Asked at most once a second. */
function marketNow(view: MarketView, clock: Clock): () => number {
  let askedAtUs = Number.NEGATIVE_INFINITY;
  let offsetUs = 0;
  return () => {
    const wallUs = clock.wallUs();
    if (Math.abs(wallUs - askedAtUs) > 1_000_000) {
      offsetUs = view.status().nowUs - wallUs;
      askedAtUs = wallUs;
    }
    return wallUs + offsetUs;
  };
}
