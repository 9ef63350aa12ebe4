interface Sample {
  readonly offsetUs: number;
  readonly roundTripUs: number;
}

const keptSamples = 10;

/**
 * How far the venue's clock is ahead of ours, from `time` answers. An answer can be wrong by half its round trip, so of the
 * last ten the quickest one counts.
 */
export class ClockOffset {
  #samples: Sample[] = [];
  count = 0;

  add(serverTimeUs: number, requestedAtUs: number, receivedAtUs: number): void {
    // Our own clock was set back meanwhile: it says nothing, and would count as the quickest for long.
    if (receivedAtUs < requestedAtUs) return;
    const offsetUs = serverTimeUs - (requestedAtUs + receivedAtUs) / 2;
    this.#samples = [...this.#samples.slice(1 - keptSamples), { offsetUs, roundTripUs: receivedAtUs - requestedAtUs }];
    this.count++;
  }

  /** Undefined before the first answer. */
  get offsetUs(): number | undefined {
    if (this.#samples.length === 0) return undefined;
    return this.#samples.reduce((best, sample) => (sample.roundTripUs < best.roundTripUs ? sample : best)).offsetUs;
  }
}
