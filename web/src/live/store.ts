import { useSyncExternalStore } from 'react';

/** A value outside of React that tells its readers of a change at most every `everyMs`: ten times a second by default. */
export class Store<T> {
  #value: T;
  #shown: T;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #toldAtMs = 0;
  readonly #everyMs: number;
  readonly #listeners = new Set<() => void>();

  constructor(value: T, everyMs = 100) {
    this.#value = value;
    this.#shown = value;
    this.#everyMs = everyMs;
  }

  /** The newest value, whether readers were told of it or not. */
  get current(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#toldAtMs + this.#everyMs - performance.now());
    if (waitMs === 0) this.#tell();
    else this.#timer = setTimeout(() => this.#tell(), waitMs);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): T => this.#shown;

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#toldAtMs = performance.now();
    this.#shown = this.#value;
    for (const listener of this.#listeners) listener();
  }
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
}
