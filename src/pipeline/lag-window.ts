const windowUs = 60_000_000;
const capacity = 4096;

/** Event time to receive time over the last minute, sampled; the newest 4096 samples at most. */
export class LagWindow {
  readonly #lagUs = new Float64Array(capacity);
  readonly #receivedAtUs = new Float64Array(capacity);
  #count = 0;

  add(eventAtUs: number, receivedAtUs: number): void {
    if (Number.isNaN(eventAtUs)) return;
    const at = this.#count++ % capacity;
    this.#lagUs[at] = receivedAtUs - eventAtUs;
    this.#receivedAtUs[at] = receivedAtUs;
  }

  /** p50 and p95 in ms, with the venue's clock running `offsetUs` ahead of ours; null without samples. */
  percentilesMs(nowUs: number, offsetUs: number): { p50: number; p95: number } | null {
    const samples: number[] = [];
    for (let at = 0; at < Math.min(this.#count, capacity); at++) {
      if (this.#receivedAtUs[at]! > nowUs - windowUs) samples.push(this.#lagUs[at]! + offsetUs);
    }
    if (samples.length === 0) return null;
    samples.sort((a, b) => a - b);
    const atShare = (share: number) => Math.round(samples[Math.floor((samples.length - 1) * share)]! / 100) / 10;
    return { p50: atShare(0.5), p95: atShare(0.95) };
  }
}
