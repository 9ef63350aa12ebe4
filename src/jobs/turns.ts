import { TidemarkError } from '../domain/error.ts';
import type { Logger } from '../ports/log.ts';
import type { Timers } from '../ports/world.ts';

const againMs = 2000;

export interface TurnsOptions {
  readonly timers: Timers;
  readonly log: Logger;
  /** Starts what can start. */
  readonly fill: () => Promise<void>;
  /** Does what time has brought, and fills. */
  readonly look: () => Promise<void>;
  /** Until time alone brings something. */
  readonly idleMs: () => number;
  /** Another scheduler took over. */
  readonly onLost: (error: TidemarkError) => void;
}

/** One thing at a time, in the order asked: whatever decides sees what was decided before. */
export class Turns {
  readonly #options: TurnsOptions;
  #turns: Promise<unknown> = Promise.resolve();
  #isFillAsked = false;
  #isLookAsked = false;
  #isStopping = false;
  #cancelSleep: () => void = () => {};

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work);
    this.#turns = turn.catch((error) => {
      const isLost = error instanceof TidemarkError && error.code === 'fence-lost';
      if (isLost && !this.#isStopping) this.#options.onLost(error);
    });
    return turn;
  }

  /** Something ended or was asked for: a run may be able to start. */
  askFill(): void {
    if (this.#isFillAsked || this.#isStopping) return;
    this.#isFillAsked = true;
    this.#try(async () => {
      this.#isFillAsked = false;
      await this.#options.fill();
    });
  }

  /** Time has passed, or what time will bring has changed. */
  askLook(): void {
    if (this.#isLookAsked || this.#isStopping) return;
    this.#isLookAsked = true;
    this.#cancelSleep();
    this.#try(async () => {
      this.#isLookAsked = false;
      await this.#options.look();
      if (!this.#isLookAsked) this.#sleep(this.#options.idleMs());
    });
  }

  /** Nothing is begun by itself any more; what is asked for still has its turn. */
  stop(): void {
    this.#isStopping = true;
    this.#cancelSleep();
  }

  /** All turns asked for until now have passed. */
  async passed(): Promise<void> {
    await this.#turns;
  }

  #try(work: () => Promise<void>): void {
    this.take(async () => {
      if (!this.#isStopping) await work();
    }).catch((error) => {
      if (this.#isStopping) return;
      this.#options.log.error({ error: String(error) }, 'the scheduler could not go on; it tries again');
      this.#sleep(againMs);
    });
  }

  #sleep(ms: number): void {
    this.#cancelSleep();
    if (!this.#isStopping) this.#cancelSleep = this.#options.timers.after(ms, () => this.askLook());
  }
}
