import type { CandleMark, CandleState, GapReason, GapState } from '../domain/state.ts';

/** What a candle needs to know of a gap in its trades. */
export interface CandleGap {
  /** Venue time of the last record held before; a missing one may carry the same instant. */
  readonly openedAtUs: number;
  /** Venue time of the first record held after; NaN while it lasts. */
  readonly closedAtUs: number;
  readonly state: GapState;
  readonly reason: GapReason;
}

export interface CandleEvidence {
  readonly openUs: number;
  readonly endUs: number;
  readonly venueNowUs: number;
  /** Every id before this instant is held or declared; NaN before the first evidence. */
  readonly tidemarkUs: number;
  /** Time of the first trade held: what came before it is not known. NaN when nothing is held. */
  readonly heldFromUs: number;
  /** Gaps of the stream; those that cannot reach into the candle do not matter. */
  readonly gaps: readonly CandleGap[];
  readonly hasTrades: boolean;
  /**
   * Ids alone prove the candle: with trades, they are contiguous and so are those of the candles with trades before and
   * after it; without, the ids before and after are neighbours.
   */
  readonly isProvenByIds: boolean;
  /** It changed after it was final. */
  readonly isRevised: boolean;
}

export interface CandleStanding {
  readonly state: CandleState;
  readonly marks: readonly CandleMark[];
}

/** State and marks of a candle from evidence alone. */
export function candleStanding(evidence: CandleEvidence): CandleStanding {
  const marks: CandleMark[] = [];
  let isWhole = true;
  for (const gap of evidence.gaps) {
    if (!(gap.openedAtUs < evidence.endUs) || gap.closedAtUs < evidence.openUs) continue;
    if (gap.state === 'repaired') {
      if (marks.length === 0) marks.push('repaired');
    } else if (gap.reason !== 'off-book' && gap.reason !== 'venue-closed') isWhole = false;
  }
  if (evidence.isRevised) marks.push('revised');
  return { state: stateOf(evidence, isWhole), marks };
}

function stateOf(evidence: CandleEvidence, isWhole: boolean): CandleState {
  if (evidence.venueNowUs < evidence.endUs) return 'forming';
  if (evidence.isProvenByIds) return evidence.hasTrades ? 'final' : 'no-trades';
  const startsInside = evidence.heldFromUs < evidence.openUs;
  if (!evidence.hasTrades) {
    return isWhole && startsInside && evidence.tidemarkUs >= evidence.endUs ? 'no-trades' : 'missing';
  }
  if (!isWhole || !startsInside) return 'partial';
  return evidence.tidemarkUs >= evidence.endUs ? 'final' : 'provisional';
}
