import type { FlowSpec } from './order-flow.ts';

/** A symbol that the matching engine trades. What is left out comes from the symbol's own defaults, else Bitcoin's. */
export interface MatchedSymbolOptions {
  readonly symbol: string;
  readonly market: 'spot';
  /** Decimal text. */
  readonly startPrice?: string;
  readonly tickSize?: string;
  readonly stepSize?: string;
  readonly baseAsset?: string;
  readonly quoteAsset?: string;
  readonly flow?: Partial<Omit<FlowSpec, 'startTick'>>;
}

export interface SymbolDefaults {
  readonly startPrice: string;
  readonly tickSize: string;
  readonly stepSize: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  readonly flow: Omit<FlowSpec, 'startTick'>;
}

const bitcoin: SymbolDefaults = {
  startPrice: '84250.00',
  tickSize: '0.01',
  stepSize: '0.00001',
  baseAsset: 'BTC',
  quoteAsset: 'USDT',
  flow: {
    lotsPerUnit: 100_000,
    takerRate: 7,
    activityRate: 220,
    moveRate: 0.65,
    moveBp: 0.75,
    restingOrders: 4_200,
    nearBp: 42,
    farShare: 0.12,
  },
};

export const symbolDefaults: Readonly<Record<string, SymbolDefaults>> = {
  BTCUSDT: bitcoin,
  ETHUSDT: {
    startPrice: '3120.00',
    tickSize: '0.01',
    stepSize: '0.0001',
    baseAsset: 'ETH',
    quoteAsset: 'USDT',
    flow: {
      ...bitcoin.flow,
      lotsPerUnit: 140_000,
      takerRate: 5,
      activityRate: 220,
      moveRate: 0.6,
      moveBp: 1.0,
      nearBp: 45,
      farShare: 0.15,
    },
  },
  SOLUSDT: {
    startPrice: '148.20',
    tickSize: '0.01',
    stepSize: '0.001',
    baseAsset: 'SOL',
    quoteAsset: 'USDT',
    flow: {
      ...bitcoin.flow,
      lotsPerUnit: 220_000,
      takerRate: 3,
      activityRate: 160,
      moveRate: 0.5,
      moveBp: 1.3,
      restingOrders: 6_000,
      nearBp: 220,
      farShare: 0.3,
    },
  },
};

export function defaultsOf(symbol: string): SymbolDefaults {
  const known = symbolDefaults[symbol];
  if (known !== undefined) return known;
  const quoteAsset = ['USDT', 'USDC', 'FDUSD', 'BTC', 'ETH', 'BNB', 'EUR'].find((quote) => symbol.endsWith(quote));
  return {
    ...bitcoin,
    baseAsset: quoteAsset === undefined ? symbol : symbol.slice(0, -quoteAsset.length),
    quoteAsset: quoteAsset ?? 'USDT',
  };
}

export const demoSymbols: readonly MatchedSymbolOptions[] = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].map((symbol) => ({
  symbol,
  market: 'spot',
}));
