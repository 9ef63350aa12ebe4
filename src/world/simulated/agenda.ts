interface Entry {
  readonly atUs: number;
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** Virtual time: it passes only when nothing else is left to do, straight to what is due next. */
export class Agenda {
  nowUs = 0;
  private readonly heap: Entry[] = [];
  private count = 0;

  at(delayUs: number, callback: () => void): () => void {
    const atUs = this.nowUs + Math.max(0, Math.ceil(delayUs));
    const entry: Entry = { atUs, order: this.count, callback, isCancelled: false };
    this.count += 1;
    this.push(entry);
    return () => {
      entry.isCancelled = true;
    };
  }

  /** Runs until `isDone` or until nothing is left; false in the second case. */
  async runUntil(isDone: () => boolean): Promise<boolean> {
    for (;;) {
      await settled();
      if (isDone()) return true;
      const entry = this.pop();
      if (entry === undefined) return false;
      if (entry.isCancelled) continue;
      this.nowUs = Math.max(this.nowUs, entry.atUs);
      entry.callback();
    }
  }

  /** Lets time pass until the promise settles. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    if (!(await this.runUntil(() => isSettled)))
      throw new Error('nothing is left to do, and the promise has not settled');
    return promise;
  }

  /** What a crash leaves of a process's intentions. */
  clear(): void {
    this.heap.length = 0;
  }

  private push(entry: Entry): void {
    const { heap } = this;
    heap.push(entry);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, heap[at]!)) break;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}

/** Lets every promise that can go on do so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
