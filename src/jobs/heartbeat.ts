import { TidemarkError } from '../domain/error.ts';
import type { JobChange } from '../ports/job-store.ts';
import type { World } from '../ports/world.ts';
import type { Attempts } from './attempts.ts';
import type { JobRecord } from './record.ts';
import type { Turns } from './turns.ts';

const beatMs = 2000;
const flushMs = 250;

/** Records of the attempts under way, again and again, that they live, how far they are, and what they log. */
export class Heartbeat {
  readonly #record: JobRecord;
  readonly #attempts: Attempts;
  readonly #turns: Turns;
  readonly #world: Pick<World, 'clock' | 'timers'>;
  #cancels: (() => void)[] = [];

  constructor(
    record: JobRecord,
    options: {
      readonly attempts: Attempts;
      readonly turns: Turns;
      readonly world: Pick<World, 'clock' | 'timers'>;
    },
  ) {
    this.#record = record;
    this.#attempts = options.attempts;
    this.#turns = options.turns;
    this.#world = options.world;
  }

  /** It goes on while anything runs. */
  start(): void {
    if (this.#cancels.length > 0 || this.#turns.isStopping) return;
    const every = (ms: number, work: () => Promise<void>) =>
      this.#world.timers.every(ms, () => void this.#turns.take(work).catch(() => {}));
    this.#cancels = [every(beatMs, () => this.#beat()), every(flushMs, () => this.flush())];
  }

  stop(): void {
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  /** Lines that the store does not have yet. */
  async flush(): Promise<void> {
    for (const [run, attempt] of this.#attempts) {
      const lines = attempt.takeLines();
      if (lines.length === 0) continue;
      try {
        await this.#record.change([{ kind: 'log', run, lines }]);
      } catch (error) {
        attempt.giveBack(lines);
        passOverUnlessLost(error);
      }
    }
  }

  async #beat(): Promise<void> {
    const heartbeatAtUs = this.#world.clock.wallUs();
    const changes: JobChange[] = [];
    for (const [id, { progress }] of this.#attempts) {
      changes.push({ kind: 'run', run: { ...this.#record.runs.get(id)!, heartbeatAtUs, progress } });
    }
    await this.#record.change(changes).catch(passOverUnlessLost);
  }
}

/** A full disk: what could not be kept is kept with the next. */
function passOverUnlessLost(error: unknown): void {
  if (error instanceof TidemarkError && error.code === 'fence-lost') throw error;
}
