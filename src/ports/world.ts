/** Everything outside: clocks, timers, randomness, sockets, HTTP, files. Logic gets a World and is otherwise pure. */
export interface World {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly network: Network;
  readonly files: Files;
}

export interface Clock {
  /** µs since 1970 UTC; may step. */
  wallUs(): number;
  /** µs since some start; never steps back. */
  monotonicUs(): number;
}

export interface Timers {
  /** Calls back once after at least `delayMs`; the result cancels. */
  after(delayMs: number, callback: () => void): () => void;
  every(periodMs: number, callback: () => void): () => void;
}

export interface Random {
  /** In [0, 1). */
  fraction(): number;
  /** Lower-case hex of `bytes` random bytes, from the operating system's generator in the real world. */
  hex(bytes: number): string;
}

export interface WebSocketEvents {
  opened(): void;
  /** `bytes` may be a view into a shared chunk: copy before returning. `isBinary` frames are kept as they are. */
  message(bytes: Uint8Array, isBinary: boolean): void;
  ping(payload: Uint8Array): void;
  /** Last event; `code` 1006 when the other side vanished. `refused` when the upgrade was answered by HTTP. */
  closed(end: {
    code: number;
    reason: string;
    byUs: boolean;
    refused?: { status: number; retryAfterS?: number; body: string };
  }): void;
}

export interface WebSocketConnection {
  send(text: string): void;
  /** Pauses reading from the socket; the kernel's buffers hold the venue back. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  /** Drops the connection without a goodbye. */
  terminate(): void;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Network {
  /** Answers pings by itself with the same payload. Never throws; failures arrive as `closed`. */
  webSocket(
    url: string,
    events: WebSocketEvents,
    options: { maxPayloadBytes: number; handshakeTimeoutMs: number },
  ): WebSocketConnection;
  /** Rejects with a TidemarkError (`network`) when no whole answer came; any HTTP status resolves. */
  httpGet(
    url: string,
    options: { headers?: Record<string, string>; timeoutMs: number; maxBodyBytes: number },
  ): Promise<HttpResponse>;
}

/** Synchronous where the caller's order matters (append, sync, rename), as on a real disk. Paths are absolute. */
export interface Files {
  makeFolder(path: string): void;
  list(folder: string): string[];
  exists(path: string): boolean;
  size(path: string): number;
  read(path: string): Uint8Array;
  /** Whole file, made visible at once: temporary name, sync, rename, sync of the folder. */
  writeAtomic(path: string, bytes: Uint8Array): void;
  open(path: string, mode: 'read' | 'append' | 'create'): OpenFile;
  remove(path: string): void;
  rename(from: string, to: string): void;
  syncFolder(path: string): void;
  freeBytes(path: string): number;
}

export interface OpenFile {
  /** Appends all the bytes at the end or throws; after a throw the tail is unknown. */
  append(parts: readonly Uint8Array[]): void;
  /** The same off the caller's thread, so that a slow disk stops nobody. One at a time; the parts are untouched until it settles. */
  appendLater(parts: readonly Uint8Array[]): Promise<void>;
  /** Bytes read, 0 at the end. */
  readAt(into: Uint8Array, offset: number): number;
  truncate(length: number): void;
  size(): number;
  /** Durable when it resolves (`fdatasync`). A rejection means that nothing since the last success may be trusted. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}
