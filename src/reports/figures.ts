import type { Correlation, Volatility } from '../analytics/returns.ts';
import type { ProfileBin } from '../analytics/volume-profile.ts';
import type { Interval } from '../domain/interval.ts';
import type { CandleMark, CandleState, DataKind, GapReason, GapState } from '../domain/state.ts';
import type { ReportState } from '../protocol/reports.ts';
import type { ReportWish } from './period.ts';

/** Scales of the integers below: those of the lake's DECIMAL columns. */
export const valueScale = 8;
export const productScale = 16;

/** A published candle, or several as one. Prices and sums at `valueScale`, products at `productScale`. */
export interface Bar {
  readonly openedAtUs: number;
  readonly endUs: number;
  readonly open: bigint;
  readonly high: bigint;
  readonly low: bigint;
  readonly close: bigint;
  readonly volume: bigint;
  readonly quoteVolume: bigint;
  readonly takerBuyVolume: bigint;
  readonly takerBuyQuoteVolume: bigint;
  readonly tradeCount: number;
  /** −1 when there was none. */
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  readonly state: CandleState;
  readonly marks: readonly CandleMark[];
  readonly source: string;
}

export interface GapFigure {
  readonly instrument: string;
  readonly stream: string;
  readonly openedAtUs: number;
  /** Undefined while it lasts. */
  readonly closedAtUs: number | undefined;
  /** Undefined in streams without ids. */
  readonly missingIds: number | undefined;
  readonly ids: number | undefined;
  readonly byAggregateIds: number;
  readonly state: GapState;
  readonly reason: GapReason;
  readonly tried: string;
}

/** One stream of one instrument in the range. */
export interface StreamFigure {
  readonly instrument: string;
  readonly stream: string;
  readonly records: number;
  /** First and last record in or just before the range; where recording began or ended inside it, that instant. */
  readonly fromUs: number;
  readonly toUs: number;
  /** Of streams with ids: ids held and ids that existed, of gaps across an edge all of them. */
  readonly held: { readonly ids: number; readonly of: number } | undefined;
  /** Of the time between `fromUs` and `toUs`: µs known, as far as gaps say. */
  readonly knownUs: number;
  readonly gaps: readonly GapFigure[];
}

export interface FindingFigure {
  readonly instrument: string;
  readonly code: string;
  readonly stream: string;
  readonly count: number;
  readonly firstUs: number;
  readonly lastUs: number;
  /** One of them, in its words. */
  readonly detail: string;
}

/** Time-weighted by seconds: the best bid and ask in force at the end of each second that is known. */
export interface SpreadBucket {
  readonly openedAtUs: number;
  readonly knownSeconds: number;
  /** Basis points of the mid price. */
  readonly meanBps: number;
  readonly worstBps: number;
}

/** Quantity that rests within a distance of the mid price, from a whole book. */
export interface DepthSample {
  readonly atUs: number;
  /** By band, in the order of `depthBands`: base quantity as a double; undefined where the book was not known that far. */
  readonly bids: readonly (number | undefined)[];
  readonly asks: readonly (number | undefined)[];
}

export const depthBands = [5, 10, 25, 50] as const;

export interface Profile {
  /** At `valueScale`. */
  readonly step: bigint;
  readonly bins: readonly ProfileBin[];
  readonly table: 'trades' | 'agg_trades';
}

export interface InstrumentFact {
  readonly instrument: string;
  readonly symbol: string;
  readonly market: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  /** Decimals that prices and quantities are shown with. */
  readonly priceDigits: number;
  readonly quantityDigits: number;
}

/** Closes of one instrument on the common grid; undefined where no whole candle is known. */
export interface CloseSeries {
  readonly instrument: string;
  readonly closes: readonly (number | undefined)[];
}

/** One line of the market table. */
export interface InstrumentSummary {
  readonly fact: InstrumentFact;
  readonly bar: Bar;
  readonly volatility: Volatility | undefined;
  readonly spreadBps: number | undefined;
  /** With the report's subject, or with the first of the table. */
  readonly correlation: Correlation | undefined;
}

/** How finely a report looks at its range. */
export interface Grain {
  /** Stored candles that are read. */
  readonly base: '1m' | '1h';
  /** Candles that are drawn. */
  readonly chart: Interval;
  /** Rows of tables and columns of bar charts. */
  readonly table: Interval;
  /** Returns that are correlated. */
  readonly returns: Interval;
  readonly spread: Interval;
  /** Best bid and ask are looked at as often as this. */
  readonly quoteSeconds: number;
}

interface Figures {
  readonly wish: ReportWish;
  readonly dataKind: DataKind;
  readonly grain: Grain;
  readonly state: ReportState;
  /** What is not settled yet, in sentences; empty when all is. */
  readonly unsettled: readonly string[];
  readonly streams: readonly StreamFigure[];
  readonly gaps: readonly GapFigure[];
  readonly findings: readonly FindingFigure[];
  readonly peers: readonly InstrumentSummary[];
}

export interface InstrumentFigures extends Figures {
  readonly about: 'instrument';
  readonly fact: InstrumentFact;
  /** Every stored candle of the range, ascending. */
  readonly bars: readonly Bar[];
  /** All of them as one; undefined without any. */
  readonly whole: Bar | undefined;
  readonly profile: Profile | undefined;
  readonly spread: readonly SpreadBucket[];
  readonly depth: readonly DepthSample[];
  readonly volatility: Volatility | undefined;
}

export interface MarketFigures extends Figures {
  readonly about: 'market';
  /** The instruments with most trades, on the common grid of `grain.returns`. */
  readonly closes: readonly CloseSeries[];
  /** Row by row, in the order of `closes`. */
  readonly correlations: readonly (readonly (Correlation | undefined)[])[];
}

export type ReportFigures = InstrumentFigures | MarketFigures;
