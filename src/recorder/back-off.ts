import type { Random } from '../ports/world.ts';

const firstDelayMs = 500;
const longestDelayMs = 30_000;
/** A connection that lived for so long was a good one; the next trouble is a new one. */
const provenAfterUs = 60_000_000;

/** Exponential, capped, full jitter. */
export class BackOff {
  private readonly random: Random;
  private attempts = 0;

  constructor(random: Random) {
    this.random = random;
  }

  nextDelayMs(): number {
    const ceilingMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(this.attempts, 16));
    this.attempts += 1;
    return this.random.fraction() * ceilingMs;
  }

  lived(forUs: number): void {
    if (forUs >= provenAfterUs) this.attempts = 0;
  }
}
