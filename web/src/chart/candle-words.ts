import type { CandleRow, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs } from '../../../src/protocol/figures.ts';
import { countdownText } from '../text/time-text.ts';

export type Tone = 'plain' | 'proof' | 'caution' | 'fault';

/** State and marks of a candle in words, with the tone that they are written in. */
export function candleWords(
  row: CandleRow,
  interval: Interval,
  nowUs: number,
  cold: boolean,
): { text: string; tone: Tone } {
  const marks = row.marks.length === 0 ? '' : `, ${row.marks.join(', ')}`;
  switch (row.state) {
    case 'forming':
      return {
        text: cold
          ? `forming, frozen${marks}`
          : `forming, closes in ${countdownText(nextOpenTimeUs(interval, row.openedAtUs) - nowUs)}${marks}`,
        tone: 'plain',
      };
    case 'provisional':
      return { text: `closed, not proven yet${marks}`, tone: 'plain' };
    case 'partial': {
      const ids = row.lastTradeId - row.firstTradeId + 1;
      const lacking = ids - row.tradeCount;
      return {
        text: lacking > 0 ? `partial, ${lacking} of ${ids} trades missing${marks}` : `partial${marks}`,
        tone: 'caution',
      };
    }
    case 'no-trades':
      return { text: `no trades${marks}`, tone: 'plain' };
    case 'missing':
      return { text: 'missing: no value is shown', tone: 'fault' };
    default:
      return {
        text: row.marks.length === 0 ? 'final' : `final${marks}`,
        tone: row.marks.includes('revised') ? 'caution' : row.marks.includes('repaired') ? 'proof' : 'plain',
      };
  }
}
