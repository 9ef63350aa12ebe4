/** What a client can make the server do, in numbers. */
export interface ServerLimits {
  readonly candles: number;
  readonly trades: number;
  readonly bookLevels: number;
  readonly sqlRows: number;
  readonly sqlTimeoutMs: number;
  readonly sqlAtOnce: number;
  readonly bodyBytes: number;
  /** Requests a second and address, with twice as many at once. */
  readonly requestsPerSecond: number;
  readonly liveClients: number;
  readonly channelsPerClient: number;
  readonly channels: number;
  readonly liveMessageBytes: number;
  readonly liveMessagesPerSecond: number;
  /** Bytes waiting in a client's socket beyond which it gets resets instead of data. */
  readonly sendBufferBytes: number;
  /** A client that has not caught up for so long is let go. */
  readonly slowClientMs: number;
  readonly pingMs: number;
  readonly resumeMessages: number;
  readonly resumeBytes: number;
  /** How long a channel goes on counting after its last follower left, so that a reconnect can resume. */
  readonly lingerMs: number;
}

export const defaultLimits: ServerLimits = {
  candles: 5000,
  trades: 5000,
  bookLevels: 5000,
  sqlRows: 100_000,
  sqlTimeoutMs: 30_000,
  sqlAtOnce: 4,
  bodyBytes: 256 * 1024,
  requestsPerSecond: 1000,
  liveClients: 256,
  channelsPerClient: 64,
  channels: 4096,
  liveMessageBytes: 64 * 1024,
  liveMessagesPerSecond: 20,
  sendBufferBytes: 1024 * 1024,
  slowClientMs: 30_000,
  pingMs: 20_000,
  resumeMessages: 256,
  resumeBytes: 512 * 1024,
  lingerMs: 60_000,
};
