import { TidemarkError } from '../domain/error.ts';
import type { LogLevel, RunLogLine } from '../domain/job.ts';
import type { StoredRun } from '../ports/job-store.ts';
import type { World } from '../ports/world.ts';
import type { JobDefinition, RunResult } from './definition.ts';

export interface RunError {
  readonly code: string;
  readonly message: string;
}

export type AttemptEnd =
  | { readonly outcome: 'done'; readonly result: RunResult; readonly inputs: string | null }
  | { readonly outcome: 'unchanged'; readonly inputs: string }
  | { readonly outcome: 'failed' | 'timed-out' | 'cancelled' | 'lost'; readonly error: RunError };

export type EndReason = 'timed-out' | 'cancelled' | 'stopped';

const graceMs = 10_000;
const mostLines = 100_000;
const longestLine = 4000;

const endings: Readonly<
  Record<EndReason, { readonly outcome: 'timed-out' | 'cancelled' | 'lost'; readonly why: string }>
> = {
  'timed-out': { outcome: 'timed-out', why: 'it took longer than it may' },
  cancelled: { outcome: 'cancelled', why: 'it was cancelled' },
  stopped: { outcome: 'lost', why: 'the engine stopped' },
};

/** One attempt of a run: its work, its log, and its end by whatever comes first. */
export class Attempt {
  readonly number: number;
  readonly job: JobDefinition;
  /** Never rejects. Comes by the work, or a while after it was told to end. */
  readonly ended: Promise<AttemptEnd>;
  /** When the work itself has ended, told or not. */
  readonly settled: Promise<void>;
  progress: number | null = null;
  readonly #controller = new AbortController();
  readonly #world: Pick<World, 'clock' | 'timers'>;
  #end: (end: AttemptEnd) => void = () => {};
  #reason: EndReason | undefined;
  #lines: RunLogLine[] = [];
  #sequence: number;
  #cancels: (() => void)[] = [];

  constructor(
    job: JobDefinition,
    run: StoredRun,
    options: {
      readonly world: Pick<World, 'clock' | 'timers'>;
      /** Lines that earlier attempts have written. */
      readonly lines: number;
      /** Inputs of the last run of the same job and partition that is done. */
      readonly lastInputs: () => Promise<string | null>;
    },
  ) {
    this.job = job;
    this.number = run.attempts;
    this.#world = options.world;
    this.#sequence = options.lines;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#cancels.push(options.world.timers.after(job.timeoutMs, () => this.end('timed-out')));
    this.settled = this.#work(run, options.lastInputs).then((end) => {
      for (const cancel of this.#cancels) cancel();
      this.#end(end);
    });
  }

  /** Asks the work to end; after a grace it counts as ended whatever it does. */
  end(reason: EndReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const { outcome, why } = endings[reason];
    this.log('warn', `told to end: ${why}`);
    this.#controller.abort(new TidemarkError(reason, { doing: 'go on with the run', why, retry: 'later' }));
    const giveUp = () =>
      this.#end({ outcome, error: { code: reason, message: `${why}, and it did not end by itself` } });
    this.#cancels.push(this.#world.timers.after(graceMs, giveUp));
  }

  /** Lines that were not taken yet. */
  takeLines(): readonly RunLogLine[] {
    return this.#lines.splice(0);
  }

  get lines(): number {
    return this.#sequence;
  }

  /** Puts lines back that could not be kept. */
  giveBack(lines: readonly RunLogLine[]): void {
    this.#lines.unshift(...lines);
  }

  log(level: LogLevel, text: string): void {
    if (this.#sequence >= mostLines && level !== 'error') return;
    this.#sequence += 1;
    const shown = withoutSecrets(text);
    this.#lines.push({
      sequence: this.#sequence,
      atUs: this.#world.clock.wallUs(),
      level,
      text: shown.length > longestLine ? `${shown.slice(0, longestLine)}…` : shown,
    });
    if (this.#sequence === mostLines) this.log('error', `more than ${mostLines} lines: the rest is left out`);
  }

  async #work(run: StoredRun, lastInputs: () => Promise<string | null>): Promise<AttemptEnd> {
    const { job } = this;
    const partition = run.partition ?? undefined;
    try {
      const inputs = (await job.inputs?.({ partition, arguments: run.arguments })) ?? null;
      if (inputs !== null && inputs === (await lastInputs())) {
        this.log('info', 'its inputs are those of the last run that is done');
        return { outcome: 'unchanged', inputs };
      }
      const result = await job.work({
        run: run.id,
        attempt: run.attempts,
        partition,
        arguments: run.arguments,
        signal: this.#controller.signal,
        log: (level, text) => this.log(level, text),
        progress: (fraction) => {
          this.progress = Math.min(1, Math.max(0, fraction));
        },
      });
      return { outcome: 'done', result, inputs };
    } catch (error) {
      const reason = this.#reason;
      if (reason !== undefined) {
        const { outcome, why } = endings[reason];
        return { outcome, error: { code: reason, message: why } };
      }
      const known = runError(error);
      this.log('error', `${known.message} [${known.code}]`);
      return { outcome: 'failed', error: known };
    }
  }
}

export function runError(error: unknown): RunError {
  const code = error instanceof TidemarkError ? error.code : 'unexpected';
  return {
    code,
    message: withoutSecrets(error instanceof Error ? error.message : String(error)).slice(0, longestLine),
  };
}

/** An address may carry a password; nothing that is kept or shown does. */
function withoutSecrets(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1…@');
}
