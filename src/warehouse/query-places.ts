import { TidemarkError } from '../domain/error.ts';

/** So many queries at the same time; others wait their turn. */
export class QueryPlaces {
  #free: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number, waitingMax: number) {
    this.#free = count;
    this.#waitingMax = waitingMax;
  }

  /** @throws `query-limit` when too many wait already, `sql-cancelled` once nobody waits for it any more. */
  take(cancelled?: AbortSignal): Promise<void> {
    if (this.#free === 0 && this.#waiting.length >= this.#waitingMax) {
      throw new TidemarkError('query-limit', {
        doing: 'run the query',
        why: `${this.#waiting.length} others are waiting`,
        retry: 'later',
        afterMs: 1000,
      });
    }
    return this.#take(cancelled, (begin) => this.#waiting.push(begin));
  }

  /** Before all who wait: for one that gave its place away in the middle. */
  takeBack(cancelled?: AbortSignal): Promise<void> {
    return this.#take(cancelled, (begin) => this.#waiting.unshift(begin));
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  async #take(cancelled: AbortSignal | undefined, wait: (begin: () => void) => void): Promise<void> {
    if (cancelled?.aborted === true) throw cancellation();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const begin = (): void => {
        cancelled?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(cancellation());
      };
      wait(begin);
      cancelled?.addEventListener('abort', leave, { once: true });
    });
  }
}

export function cancellation(): TidemarkError {
  return new TidemarkError('sql-cancelled', {
    doing: 'run the query',
    why: 'whoever asked for it went away or cancelled it',
  });
}
