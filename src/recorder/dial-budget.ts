/**
 * The venue counts connection attempts per IP, so all lanes share one budget. Well below the venue's 300 in 5 minutes:
 * other programs may dial from here, too.
 */
const windowUs = 300_000_000;
const attemptsPerWindow = 200;
const gapUs = 100_000;

export class DialBudget {
  private readonly attemptsUs: number[] = [];
  private blockedUntilUs = 0;

  /** Takes an attempt and gives 0, or gives the time (monotonic µs) to ask again at. */
  take(nowUs: number): number {
    while (this.attemptsUs.length > 0 && this.attemptsUs[0]! <= nowUs - windowUs) this.attemptsUs.shift();
    const last = this.attemptsUs.at(-1) ?? Number.NEGATIVE_INFINITY;
    const oldest = this.attemptsUs.at(-attemptsPerWindow) ?? Number.NEGATIVE_INFINITY;
    const freeAtUs = Math.max(this.blockedUntilUs, last + gapUs, oldest + windowUs);
    if (freeAtUs > nowUs) return freeAtUs;
    this.attemptsUs.push(nowUs);
    return 0;
  }

  /** Nobody dials before: the venue said so (`Retry-After`). */
  blockUntil(untilUs: number): void {
    this.blockedUntilUs = Math.max(this.blockedUntilUs, untilUs);
  }
}
