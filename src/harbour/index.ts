export { type BookHistory, mixLevel } from './book-history.ts';
export { type GeneratedFrame, type GenerateOptions, generateFrames } from './generate.ts';
export * from './harbour.ts';
export { type Kline, klineClosesAtUs, type VenueInterval, venueIntervals } from './klines.ts';
export type { Listing } from './listing.ts';
export { demoSymbols, type MatchedSymbolOptions } from './markets.ts';
export * from './options.ts';
export {
  openRecording,
  type RecordingFormat,
  type RecordingOptions,
  recordingFormats,
  recordingFromText,
} from './recordings.ts';
export {
  interleaveFeeds,
  joinFeeds,
  type Mutation,
  mutate,
  type ReplayEntry,
  type ReplayFeed,
  type ReplayFrame,
  recordedId,
  recordedKind,
  streamsOf,
} from './replay-feed.ts';
export type { Rows } from './rows.ts';
export { type SentRecord, Truth } from './truth.ts';
