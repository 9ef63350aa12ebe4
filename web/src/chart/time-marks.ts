import { clockText, dayText, minuteText } from '../text/time-text.ts';

const marksUs = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800, 2592000].map(
  (seconds) => seconds * 1e6,
);

/** Round instants between two, `most` at most. */
export function timeMarks(fromUs: number, toUs: number, most: number): { atUs: number; text: string }[] {
  const spanUs = toUs - fromUs;
  const stepUs = marksUs.find((step) => spanUs / step <= Math.max(1, most)) ?? marksUs.at(-1)! * 6;
  const marks: { atUs: number; text: string }[] = [];
  for (let atUs = Math.ceil(fromUs / stepUs) * stepUs; atUs <= toUs && marks.length <= most; atUs += stepUs) {
    const isDay = atUs % 86400e6 === 0;
    marks.push({ atUs, text: isDay ? dayText(atUs) : stepUs < 60e6 ? clockText(atUs) : minuteText(atUs) });
  }
  return marks;
}
