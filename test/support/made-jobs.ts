import { TidemarkError } from '../../src/domain/error.ts';
import type { AttemptRow, CatchUpRow, JobRow, RunLogLine, RunRow, RunState } from '../../src/domain/job.ts';
import { runStates } from '../../src/domain/job.ts';
import type { CatchUpRequest, Jobs, RunRequest, RunSpan, RunsFilter } from '../../src/ports/jobs.ts';

// Jobs made up by hand, for work on the dashboard without an engine: every state that a page has to show, thousands of runs,
// and one that goes on while it is looked at. Nothing of it is a model of the real scheduler.

const secondUs = 1e6;
const minuteUs = 60 * secondUs;
const hourUs = 60 * minuteUs;
const dayUs = 24 * hourUs;

const dateOf = (atUs: number): string => new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 10);

interface MadeJob {
  readonly name: string;
  readonly after?: readonly string[];
  readonly text?: string;
  readonly kind?: JobRow['schedule']['kind'];
  readonly byDay?: boolean;
  readonly everyUs?: number;
  readonly tookUs: number;
  readonly effect: string | null;
  readonly rows?: number;
  readonly bytes?: number;
  readonly notAvailable?: string;
  readonly isPaused?: boolean;
}

const made: readonly MadeJob[] = [
  { name: 'backfill', kind: 'asked', text: 'when asked for', tookUs: hourUs, effect: null, notAvailable: 'the archive client is not built yet' }, // biome-ignore format: one row
  { name: 'settle', kind: 'settled', text: 'when a day is settled', byDay: true, everyUs: dayUs, tookUs: 4 * secondUs, effect: 'settled' }, // biome-ignore format: one row
  { name: 'instruments', kind: 'interval', text: 'every hour', everyUs: hourUs, tookUs: secondUs, effect: '2 changed', rows: 3126, bytes: 212_000 }, // biome-ignore format: one row
  { name: 'repair', kind: 'interval', text: 'every 20 s', everyUs: 5 * hourUs, tookUs: 25 * minuteUs, effect: '97.50 → 99.07 %', rows: 418_211, bytes: 14_000_000 }, // biome-ignore format: one row
  { name: 'reconcile', after: ['settle'], byDay: true, everyUs: dayUs, tookUs: 4 * minuteUs, effect: '28 800 of 28 800 equal', notAvailable: 'needs the venue’s daily archive' }, // biome-ignore format: one row
  { name: 'compact', kind: 'interval', text: 'every hour', after: ['instruments'], everyUs: hourUs, tookUs: 5 * minuteUs, effect: '96 files to 20', rows: 1_800_000, bytes: 90_000_000 }, // biome-ignore format: one row
  { name: 'candle-models', after: ['settle', 'repair'], byDay: true, everyUs: dayUs, tookUs: 2 * minuteUs, effect: '1.8 M rows', rows: 1_800_000 }, // biome-ignore format: one row
  { name: 'liquidity', after: ['settle'], byDay: true, everyUs: dayUs, tookUs: 13 * minuteUs, effect: '28 800 rows', rows: 28_800, bytes: 2_700_000 }, // biome-ignore format: one row
  { name: 'volumes', after: ['settle'], byDay: true, everyUs: dayUs, tookUs: minuteUs, effect: '28 800 rows', rows: 28_800 }, // biome-ignore format: one row
  { name: 'lake-verify', kind: 'cron', text: '52 * * * *', after: ['compact'], everyUs: hourUs, tookUs: 41 * secondUs, effect: 'all hashes equal', bytes: 118e9 }, // biome-ignore format: one row
  { name: 'candle-check', after: ['candle-models'], byDay: true, everyUs: dayUs, tookUs: 40 * secondUs, effect: 'equal to the last digit' }, // biome-ignore format: one row
  { name: 'volatility', after: ['liquidity'], byDay: true, everyUs: dayUs, tookUs: 2 * minuteUs, effect: '480 rows', rows: 480 }, // biome-ignore format: one row
  { name: 'correlations', after: ['volumes'], byDay: true, everyUs: dayUs, tookUs: 3 * minuteUs, effect: '190 pairs', rows: 190 }, // biome-ignore format: one row
  { name: 'retention', after: ['lake-verify'], kind: 'after', everyUs: dayUs, tookUs: secondUs, effect: 'dry run, 0 B deleted', isPaused: true }, // biome-ignore format: one row
  { name: 'daily-reports', after: ['candle-check', 'volatility', 'correlations'], byDay: true, everyUs: dayUs, tookUs: 34 * secondUs, effect: '20 reports', rows: 20, bytes: 9_600_000 }, // biome-ignore format: one row
  { name: 'export', after: ['daily-reports'], byDay: true, everyUs: dayUs, tookUs: 6 * minuteUs, effect: '14 files' }, // biome-ignore format: one row
  { name: 'send-report', after: ['daily-reports'], byDay: true, everyUs: dayUs, tookUs: 2 * secondUs, effect: 'sent to 3' }, // biome-ignore format: one row
];

export class MadeJobs implements Jobs {
  readonly #now: () => number;
  readonly #startUs: number;
  readonly #runs = new Map<number, RunRow>();
  readonly #attempts = new Map<number, AttemptRow[]>();
  readonly #paused = new Set<string>();
  readonly #catchUps: CatchUpRow[] = [];
  #lastId: number;

  constructor(nowUs: () => number, kept = 18_447) {
    this.#now = nowUs;
    this.#startUs = nowUs();
    this.#lastId = kept;
    for (const job of made) if (job.isPaused === true) this.#paused.add(job.name);
    this.#fill(kept);
  }

  /** What goes on by itself since it was made: a run gets on, another ends, a third lost its process. */
  #at(run: RunRow): RunRow {
    const nowUs = this.#now();
    if (run.state !== 'running' || run.heartbeatAtUs === null || run.heartbeatAtUs < this.#startUs - 20 * secondUs)
      return run;
    const job = made.find(({ name }) => name === run.job)!;
    const progress = Math.min(0.99, (run.progress ?? 0) + (nowUs - this.#startUs) / (10 * minuteUs));
    return {
      ...run,
      progress,
      heartbeatAtUs: nowUs - (nowUs % (2 * secondUs)),
      rows: Math.floor((job.rows ?? 0) * progress),
      bytes: Math.floor((job.bytes ?? 0) * progress),
    };
  }

  #fill(kept: number): void {
    const nowUs = this.#startUs;
    const plain = (id: number, job: MadeJob, queuedAtUs: number, change: Partial<RunRow> = {}): RunRow => ({
      id,
      job: job.name,
      partition: job.byDay === true ? dateOf(queuedAtUs - dayUs) : null,
      state: 'done',
      cause: job.after === undefined ? (job.text ?? 'when a day is settled') : `after ${job.after[0]}`,
      priority: 0,
      attempts: 1,
      maxAttempts: 5,
      queuedAtUs,
      startedAtUs: queuedAtUs + 2 * secondUs,
      endedAtUs: queuedAtUs + 2 * secondUs + job.tookUs,
      nextAttemptAtUs: null,
      heartbeatAtUs: queuedAtUs + job.tookUs,
      waitsFor: null,
      progress: 1,
      rows: job.rows ?? null,
      bytes: job.bytes ?? null,
      effect: job.effect,
      error: null,
      catchUp: null,
      ...change,
    });
    const regular: RunRow[] = [];
    const able = made.filter((job) => job.notAvailable === undefined);
    for (let back = 0; regular.length < kept - 60; back++)
      for (const [at, job] of able.entries())
        regular.push(plain(0, job, nowUs - 4 * minuteUs - at * 37 * secondUs - (back + 0.3) * (job.everyUs ?? dayUs)));
    regular.sort((a, b) => a.queuedAtUs - b.queuedAtUs);
    let id = kept - 60 - regular.length;
    for (const run of regular) if (++id > 0) this.#runs.set(id, { ...run, id });
    const next = (name: string, ageUs: number, change: Partial<RunRow>): number => {
      const job = made.find((one) => one.name === name)!;
      id++;
      this.#runs.set(id, plain(id, job, nowUs - ageUs, { id, ...change }));
      return id;
    };
    const first = Math.floor(nowUs / dayUs) * dayUs - 29 * dayUs;
    const day = (at: number): string => dateOf(first + at * dayUs);
    const jobs = ['liquidity', 'volatility', 'correlations', 'daily-reports'];
    const days: CatchUpRow['days'][number][] = [];
    const catchUp = { cause: 'catch-up 311', catchUp: 311 };
    for (const [row, name] of jobs.entries())
      for (let at = 0; at < 29; at++) {
        const state = stateOfDay(row, at);
        days.push({
          job: name,
          date: day(at),
          state,
          run: state === 'queued' || state === 'held' ? null : id - 40 + (at % 30),
        });
      }
    next('repair', 55 * minuteUs, {
      partition: null,
      state: 'running',
      cause: 'gap opened 14:55',
      progress: 0.63,
      startedAtUs: nowUs - 7 * minuteUs,
      endedAtUs: null,
      heartbeatAtUs: nowUs,
      effect: null,
    });
    next('candle-check', 40 * minuteUs, {
      state: 'running',
      cause: 'asked for',
      progress: 0.4,
      startedAtUs: nowUs - 3 * minuteUs,
      endedAtUs: null,
      heartbeatAtUs: nowUs - 35 * secondUs,
      effect: null,
    });
    const sending = next('send-report', 24 * minuteUs, {
      state: 'retrying',
      attempts: 2,
      endedAtUs: null,
      progress: null,
      effect: null,
      nextAttemptAtUs: nowUs + 161 * secondUs,
      error: { code: 'mail-refused', message: 'SMTP 451, mailbox busy' },
    });
    this.#attempts.set(
      sending,
      [24, 18].map((ago, at) => ({
        attempt: at + 1,
        startedAtUs: nowUs - ago * minuteUs,
        endedAtUs: nowUs - ago * minuteUs + 6 * secondUs,
        outcome: 'failed',
        error: { code: 'mail-refused', message: 'SMTP 451, mailbox busy' },
      })),
    );
    next('compact', 16 * minuteUs, {
      state: 'queued',
      startedAtUs: null,
      endedAtUs: null,
      attempts: 0,
      progress: null,
      rows: null,
      bytes: null,
      effect: null,
      heartbeatAtUs: null,
      waitsFor: 'a slot of the disk',
    });
    const failed = next('liquidity', 5 * minuteUs, {
      ...catchUp,
      partition: day(9),
      state: 'failed',
      attempts: 5,
      endedAtUs: nowUs - 4.5 * minuteUs,
      rows: 0,
      bytes: 0,
      effect: null,
      error: { code: 'model-test-failed', message: 'test not-null of liquidity: 1 row' },
    });
    for (const [at, held] of days.entries()) if (held.state === 'failed') days[at] = { ...held, run: failed };
    for (let at = 12; at < 19; at++)
      next('liquidity', (24 - at) * 10 * secondUs, {
        ...catchUp,
        partition: day(at),
        endedAtUs: nowUs - (23 - at) * 10 * secondUs,
      });
    for (let at = 0; at < 3; at++)
      next('correlations', (20 - at) * 5 * secondUs, {
        ...catchUp,
        partition: day(at),
        state: 'skipped',
        rows: null,
        bytes: null,
        effect: null,
        endedAtUs: nowUs - 60 * secondUs,
      });
    next('liquidity', 84 * secondUs, {
      ...catchUp,
      partition: day(19),
      state: 'running',
      progress: 0.64,
      startedAtUs: nowUs - 82 * secondUs,
      endedAtUs: null,
      heartbeatAtUs: nowUs,
      effect: null,
    });
    for (const [at, held] of days.entries())
      if (held.job === 'liquidity' && held.date === day(19)) days[at] = { ...held, run: id };
    next('volumes', 20 * secondUs, {
      partition: day(25),
      state: 'held',
      startedAtUs: null,
      endedAtUs: null,
      attempts: 0,
      progress: null,
      rows: null,
      bytes: null,
      effect: null,
      heartbeatAtUs: null,
      waitsFor: `${day(25).slice(5)} has an open gap`,
    });
    this.#lastId = id;
    this.#catchUps.push({
      id: 311,
      job: 'liquidity',
      jobs,
      fromDate: day(0),
      toDate: day(28),
      atOnce: 2,
      order: 'oldest-first',
      state: 'running',
      days,
    });
  }

  #latest(name: string): RunRow | null {
    let latest: RunRow | null = null;
    for (const run of this.#runs.values())
      if (run.job === name && (latest === null || run.id > latest.id)) latest = run;
    return latest === null ? null : this.#at(latest);
  }

  #row(job: MadeJob): JobRow {
    const latest = job.notAvailable === undefined ? this.#latest(job.name) : null;
    const nowUs = this.#now();
    const everyUs = job.everyUs ?? dayUs;
    return {
      name: job.name,
      description: `The job ${job.name} of a market that is made up.`,
      schedule: {
        kind: job.kind ?? 'after',
        text: job.text ?? `after ${(job.after ?? []).join(', ')}`,
        zone: job.kind === 'cron' ? 'UTC' : null,
      },
      after: job.after ?? [],
      partitioning: job.byDay === true ? 'day' : 'none',
      isPaused: this.#paused.has(job.name),
      notAvailable: job.notAvailable ?? null,
      priority: 0,
      concurrency: 1,
      maxAttempts: 5,
      timeoutMs: 600_000,
      latest,
      nextAtUs:
        job.kind === 'asked' || job.notAvailable !== undefined ? null : (Math.floor(nowUs / everyUs) + 1) * everyUs,
    };
  }

  async overview(): ReturnType<Jobs['overview']> {
    const counts = Object.fromEntries(runStates.map((state) => [state, 0])) as Record<RunState, number>;
    for (const run of this.#runs.values()) counts[run.state]++;
    counts.queued += this.#catchUps[0]!.days.filter(({ state }) => state === 'queued').length;
    return {
      nowUs: this.#now(),
      jobs: made.map((job) => this.#row(job)),
      slots: { all: 4, used: counts.running },
      counts,
      doneLastDay: 214,
      catchUps: this.#catchUps,
    };
  }

  async job(name: string): Promise<JobRow> {
    return this.#row(this.#made(name));
  }

  async runs(filter: RunsFilter): ReturnType<Jobs['runs']> {
    const wanted = [...this.#runs.values()].filter(
      (run) =>
        (filter.job === undefined || run.job === filter.job) &&
        (filter.states === undefined || filter.states.includes(run.state)) &&
        (filter.cause === undefined || run.cause === filter.cause),
    );
    const below = wanted
      .filter((run) => filter.before === undefined || run.id < filter.before)
      .sort((a, b) => b.id - a.id);
    const runs = below.slice(0, filter.limit).map((run) => this.#at(run));
    return { runs, before: below.length > runs.length ? runs.at(-1)!.id : null, kept: wanted.length };
  }

  async run(id: number): ReturnType<Jobs['run']> {
    const run = this.#known(id);
    const attempts = this.#attempts.get(id) ?? [
      {
        attempt: 1,
        startedAtUs: run.startedAtUs ?? run.queuedAtUs,
        endedAtUs: run.endedAtUs,
        outcome: run.state === 'running' ? 'running' : 'done',
        error: run.error,
      },
    ];
    return {
      run,
      attempts,
      command: `tidemark jobs run ${run.job}${run.partition === null ? '' : ` --day ${run.partition}`}`,
      ifItDies: 'goes on at 15:21:40, nothing half-published',
    };
  }

  async log(id: number, { after, limit }: { after: number; limit: number }): ReturnType<Jobs['log']> {
    const run = this.#known(id);
    const startUs = run.startedAtUs ?? run.queuedAtUs;
    const texts = [
      `run ${id} starts, slot 3, fence 41`,
      'catalog version 90 217, 24 files, 41.2 MB to read',
      '20 instruments, buckets of 1 min, 1 440 each',
    ];
    const endUs = run.endedAtUs ?? this.#now();
    const lines: RunLogLine[] = [];
    for (let sequence = 1; startUs + (sequence - 1) * 2.5 * secondUs < endUs && lines.length < 3_000; sequence++) {
      const level =
        sequence % 9 === 0
          ? 'warn'
          : sequence % 7 === 0
            ? 'debug'
            : run.state === 'failed' && sequence === 5
              ? 'error'
              : 'info';
      const text =
        texts[sequence - 1] ??
        (level === 'warn'
          ? 'SOLUSDT 09:37–10:08 declared, left out'
          : level === 'error'
            ? (run.error?.message ?? '')
            : level === 'debug'
              ? `heartbeat ${sequence}`
              : `${['AAVE', 'ADA', 'AVAX', 'BTC', 'ETH'][sequence % 5]}USDT 1 440 buckets, all with known depth`);
      lines.push({ sequence, atUs: Math.round(startUs + sequence * 2.41 * secondUs), level, text });
    }
    return { lines: lines.filter((line) => line.sequence > after).slice(0, limit), isEnded: run.endedAtUs !== null };
  }

  async timeline(fromUs: number, toUs: number): Promise<readonly RunSpan[]> {
    const spans: RunSpan[] = [];
    for (const held of this.#runs.values()) {
      const run = this.#at(held);
      const endUs = run.endedAtUs ?? this.#now();
      if (endUs < fromUs || run.queuedAtUs > toUs) continue;
      const span = { job: run.job, run: run.id };
      spans.push({ ...span, kind: 'waiting', fromUs: run.queuedAtUs, toUs: run.startedAtUs ?? endUs });
      const attempts = this.#attempts.get(run.id);
      if (attempts !== undefined)
        for (const attempt of attempts)
          spans.push({ ...span, kind: 'failed', fromUs: attempt.startedAtUs, toUs: attempt.endedAtUs! });
      else if (run.startedAtUs !== null)
        spans.push({
          ...span,
          kind: run.state === 'running' ? 'running' : run.state === 'failed' ? 'failed' : 'done',
          fromUs: run.startedAtUs,
          toUs: endUs,
        });
    }
    return spans;
  }

  async start(name: string, request: RunRequest): Promise<RunRow> {
    const job = this.#made(name);
    const nowUs = this.#now();
    const run: RunRow = {
      ...this.#runs.get(1)!,
      id: ++this.#lastId,
      job: job.name,
      partition: request.partition ?? null,
      state: 'running',
      cause: 'asked for',
      queuedAtUs: nowUs,
      startedAtUs: nowUs,
      endedAtUs: null,
      heartbeatAtUs: nowUs,
      progress: 0,
      effect: null,
      error: null,
    };
    this.#runs.set(run.id, run);
    return run;
  }

  async cancel(id: number): Promise<RunRow> {
    return this.#change(id, { state: 'cancelled', endedAtUs: this.#now(), nextAttemptAtUs: null });
  }

  async retry(id: number): Promise<RunRow> {
    return this.#change(id, { state: 'queued', endedAtUs: null, startedAtUs: null, error: null, waitsFor: 'a slot' });
  }

  async pause(name: string): Promise<JobRow> {
    this.#paused.add(this.#made(name).name);
    return this.job(name);
  }

  async resume(name: string): Promise<JobRow> {
    this.#paused.delete(name);
    return this.job(name);
  }

  async catchUp(name: string, request: CatchUpRequest): Promise<CatchUpRow> {
    const days: CatchUpRow['days'][number][] = [];
    for (let atMs = Date.parse(request.from); atMs <= Date.parse(request.to); atMs += dayUs / 1000)
      days.push({ job: name, date: dateOf(atMs * 1000), state: 'queued', run: null });
    const row: CatchUpRow = {
      id: 312,
      job: name,
      jobs: [name],
      fromDate: request.from,
      toDate: request.to,
      atOnce: request.atOnce ?? 1,
      order: request.order ?? 'oldest-first',
      state: 'running',
      days,
    };
    this.#catchUps.unshift(row);
    return row;
  }

  async oneCatchUp(id: number): Promise<CatchUpRow> {
    const row = this.#catchUps.find((one) => one.id === id);
    if (row === undefined)
      throw new TidemarkError('unknown-catch-up', { doing: 'find the catch-up', what: String(id) });
    return row;
  }

  async changeCatchUp(id: number, change: 'pause' | 'resume' | 'cancel'): Promise<CatchUpRow> {
    const at = this.#catchUps.findIndex((row) => row.id === id);
    const state = change === 'pause' ? 'paused' : change === 'resume' ? 'running' : 'cancelled';
    this.#catchUps[at] = { ...this.#catchUps[at]!, state };
    return this.#catchUps[at]!;
  }

  #made(name: string): MadeJob {
    const job = made.find((one) => one.name === name);
    if (job === undefined)
      throw new TidemarkError('unknown-job', { doing: 'find the job', what: name, why: 'there is none' });
    return job;
  }

  #known(id: number): RunRow {
    const run = this.#runs.get(id);
    if (run === undefined)
      throw new TidemarkError('unknown-run', { doing: 'find the run', what: String(id), why: 'it is not kept' });
    return this.#at(run);
  }

  #change(id: number, change: Partial<RunRow>): RunRow {
    const run = { ...this.#known(id), ...change };
    this.#runs.set(id, run);
    return run;
  }
}

function stateOfDay(row: number, at: number): RunState {
  if (at === 25) return 'held';
  if (at === 9 && row !== 2) return row === 0 ? 'failed' : 'queued';
  if (row === 2) return at < 19 ? 'skipped' : 'queued';
  if (row === 0) return at < 19 ? 'done' : at < 21 ? 'running' : 'queued';
  return at < (row === 1 ? 19 : 17) ? 'done' : 'queued';
}
