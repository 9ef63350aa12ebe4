/** Lets one piece of work at a time through, in the order asked. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when all work asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
