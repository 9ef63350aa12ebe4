/** The three axes of what a screen or an answer says of data; they never mix (words: ARCHITECTURE.md). */
export const candleStates = ['forming', 'provisional', 'final', 'partial', 'no-trades', 'missing'] as const;
export type CandleState = (typeof candleStates)[number];

export const candleMarks = ['repaired', 'revised'] as const;
export type CandleMark = (typeof candleMarks)[number];

export const dataKinds = ['live', 'historical', 'replay', 'simulated'] as const;
export type DataKind = (typeof dataKinds)[number];

export const gapStates = ['open', 'repairing', 'repaired', 'declared'] as const;
export type GapState = (typeof gapStates)[number];

export const gapReasons = [
  'disconnect', 'process-stop', 'server-drop', 'rate-limited', 'venue-closed', 'off-book', 'sampled', 'beyond-snapshot', 'unknown',
] as const; // biome-ignore format: one row
export type GapReason = (typeof gapReasons)[number];

export const origins = ['frame', 'rest', 'archive'] as const;
export type Origin = (typeof origins)[number];
