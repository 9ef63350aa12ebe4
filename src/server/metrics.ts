import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Jobs } from '../ports/jobs.ts';
import type { StatusAnswer } from '../protocol/api.ts';
import { jobMetrics } from './job-metrics.ts';
import type { LiveCounts } from './live-client.ts';

export interface Metrics extends LiveCounts {
  readonly contentType: string;
  text(): Promise<string>;
  request(method: string, route: string, status: number, elapsedMs: number): void;
}

const upstreams = ['live', 'quiet', 'stale', 'venue-down', 'connecting'] as const;

/** Prometheus metrics: base units, `_total` for counts, all of the engine's read from one status at collection. */
export function createMetrics(sources: {
  status: () => StatusAnswer;
  liveClients: () => number;
  liveChannels: () => number;
  jobs: Jobs | undefined;
}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const requests = new Histogram({
    name: 'tidemark_http_request_duration_seconds',
    help: 'Time to answer HTTP requests',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers,
  });
  const sent = new Counter({
    name: 'tidemark_live_messages_sent_total',
    help: 'Messages sent to WebSocket clients',
    registers,
  });
  const skipped = new Counter({
    name: 'tidemark_live_messages_skipped_total',
    help: 'Messages not sent because the client was too slow; each is covered by a reset',
    registers,
  });
  const resets = new Counter({
    name: 'tidemark_live_resets_total',
    help: 'Resets told to WebSocket clients',
    labelNames: ['reason'],
    registers,
  });
  const refused = new Counter({
    name: 'tidemark_live_messages_refused_total',
    help: 'Messages of WebSocket clients answered with an error',
    registers,
  });
  const refreshJobs = sources.jobs === undefined ? undefined : jobMetrics(registry, sources.jobs);
  gauge('tidemark_live_clients', 'WebSocket clients connected', (set) => set({}, sources.liveClients()));
  gauge('tidemark_live_channels', 'Live channels followed', (set) => set({}, sources.liveChannels()));

  // One reading of the status serves all metrics of one collection.
  let status: StatusAnswer;
  const fromStatus: (() => void)[] = [];

  function gauge(
    name: string,
    help: string,
    collect: (set: (labels: Record<string, string>, value: number) => void) => void,
    labelNames: string[] = [],
  ): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect((labels, value) => this.set(labels, value));
      },
    });
  }

  /** A metric whose values are the status's; `_total` names are counters. */
  function read(
    name: string,
    help: string,
    labelNames: string[],
    values: (status: StatusAnswer) => Iterable<readonly [Record<string, string>, number]>,
  ): void {
    if (name.endsWith('_total')) {
      const counter = new Counter({ name, help, labelNames, registers });
      fromStatus.push(() => {
        counter.reset();
        for (const [labels, value] of values(status)) counter.inc(labels, value);
      });
      return;
    }
    const metric = new Gauge({ name, help, labelNames, registers });
    fromStatus.push(() => {
      metric.reset();
      for (const [labels, value] of values(status)) metric.set(labels, value);
    });
  }

  const perStream = ['instrument', 'stream'];
  const bySession = ({ sessions }: StatusAnswer) =>
    sessions.map((session) => ({ labels: { session: session.session, market: session.market }, session }));
  const byStream = ({ ledger }: StatusAnswer) =>
    ledger.map((row) => ({ labels: { instrument: row.instrument, stream: row.stream }, row }));

  read('tidemark_build_info', 'Version and data kind of the engine', ['version', 'data_kind'], (s) => [
    [{ version: s.version, data_kind: s.dataKind }, 1],
  ]);
  read('tidemark_upstream', '1 for the state that the venue connections are in', ['state'], (s) =>
    upstreams.map((state) => [{ state }, s.upstream === state ? 1 : 0] as const),
  );
  read('tidemark_frames_total', 'Frames received', ['session', 'market'], (s) =>
    bySession(s).map(({ labels, session }) => [labels, session.frames] as const),
  );
  read('tidemark_session_reconnects_total', 'Connections opened anew', ['session', 'market'], (s) =>
    bySession(s).map(({ labels, session }) => [labels, session.reconnects] as const),
  );
  read('tidemark_session_open', '1 while the session is connected', ['session', 'market'], (s) =>
    bySession(s).map(({ labels, session }) => [labels, session.state === 'open' ? 1 : 0] as const),
  );
  read('tidemark_rows_held', 'Ids held, by stream', perStream, (s) =>
    byStream(s).map(({ labels, row }) => [labels, row.heldIds] as const),
  );
  read('tidemark_rows_missing', 'Ids known to exist and not held, by stream', perStream, (s) =>
    byStream(s).map(({ labels, row }) => [labels, row.missingIds] as const),
  );
  read('tidemark_gaps', 'Gaps not repaired, by stream and state', [...perStream, 'state'], (s) =>
    byStream(s).flatMap(({ labels, row }) => [
      [{ ...labels, state: 'open' }, row.openGaps] as const,
      [{ ...labels, state: 'declared' }, row.declaredGaps] as const,
    ]),
  );
  read('tidemark_tidemark_timestamp_seconds', 'Up to when all is held or declared, by stream', perStream, (s) =>
    byStream(s).flatMap(({ labels, row }) =>
      row.tidemarkUs === null ? [] : [[labels, row.tidemarkUs / 1e6] as const],
    ),
  );
  read('tidemark_lag_seconds', 'Event time to receive time over the last minute', ['quantile'], (s) =>
    s.lagMs === null
      ? []
      : [
          [{ quantile: '0.5' }, s.lagMs.p50 / 1000],
          [{ quantile: '0.95' }, s.lagMs.p95 / 1000],
        ],
  );
  read('tidemark_journal_behind_bytes', 'Bytes of journals not yet processed', ['writer'], (s) => {
    const behind = new Map<string, number>();
    for (const { writer, behindBytes } of s.journals) behind.set(writer, (behind.get(writer) ?? 0) + behindBytes);
    return [...behind].map(([writer, bytes]) => [{ writer }, bytes] as const);
  });
  const byShipped = ({ shipping }: StatusAnswer) =>
    (shipping?.journals ?? []).map((journal) => ({ labels: { writer: journal.writer }, journal }));
  read('tidemark_shipping_behind_bytes', 'Bytes of journals that are lost with this disk', ['writer'], (s) =>
    byShipped(s).map(({ labels, journal }) => [labels, journal.behindBytes] as const),
  );
  read('tidemark_shipping_behind_records', 'Records of journals that are lost with this disk', ['writer'], (s) =>
    byShipped(s).map(({ labels, journal }) => [labels, journal.behindRecords] as const),
  );
  read('tidemark_shipping_failing', '1 while a journal cannot be shipped', ['writer'], (s) =>
    byShipped(s).map(({ labels, journal }) => [labels, journal.error === null ? 0 : 1] as const),
  );
  read('tidemark_lake_files', 'Data files of the current catalog version', [], (s) => [[{}, s.lake.files]]);
  read('tidemark_lake_bytes', 'Bytes of these files', [], (s) => [[{}, s.lake.bytes]]);
  read('tidemark_lake_commit_timestamp_seconds', 'Time of the last lake commit', [], (s) =>
    s.lake.committedAtUs === null ? [] : [[{}, s.lake.committedAtUs / 1e6]],
  );
  read('tidemark_iceberg_published_version', 'Catalog version that other engines read', [], (s) =>
    s.lake.iceberg === null ? [] : [[{}, s.lake.iceberg.publishedVersion]],
  );
  read('tidemark_iceberg_failing', 'Tables whose Iceberg metadata cannot be published', [], (s) =>
    s.lake.iceberg === null ? [] : [[{}, Object.keys(s.lake.iceberg.failures).length]],
  );
  read('tidemark_catalog_version', 'Current catalog version', [], (s) => [[{}, s.lake.catalogVersion]]);
  read('tidemark_rest_used_weight', 'Request weight used in the running minute', [], (s) => [[{}, s.rest.usedWeight]]);
  read('tidemark_rest_weight_limit', 'Request weight that may be used a minute', [], (s) => [
    [{}, s.rest.weightPerMinute],
  ]);
  read('tidemark_findings_total', 'Findings kept', [], (s) => [[{}, s.findings]]);

  return {
    contentType: registry.contentType,
    async text() {
      status = sources.status();
      for (const refresh of fromStatus) refresh();
      await refreshJobs?.();
      return await registry.metrics();
    },
    request: (method, route, statusCode, elapsedMs) =>
      requests.observe({ method, route, status: String(statusCode) }, elapsedMs / 1000),
    sent: (messages) => sent.inc(messages),
    skipped: (messages) => skipped.inc(messages),
    reset: (reason) => resets.inc({ reason }),
    refused: () => refused.inc(),
  };
}
