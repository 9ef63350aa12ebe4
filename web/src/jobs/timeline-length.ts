import type { TimelineAnswer } from '../../../src/protocol/jobs.ts';

const hourUs = 3_600e6;

/** How far back the timeline looks. */
export const timelineLengths = { '1 h': hourUs, '6 h': 6 * hourUs, '24 h': 24 * hourUs } as const;
export type TimelineLength = keyof typeof timelineLengths;

/** The shortest that shows all there is: an engine that started a minute ago is no line at the edge of a day. */
export function fittingLength({ spans, toUs }: TimelineAnswer): TimelineLength {
  const ageUs = spans.reduce((oldest, { fromUs }) => Math.max(oldest, toUs - fromUs), 0);
  const lengths = Object.entries(timelineLengths) as [TimelineLength, number][];
  return lengths.find(([, lengthUs]) => ageUs < lengthUs)?.[0] ?? '24 h';
}
