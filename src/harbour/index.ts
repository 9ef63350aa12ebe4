export * from './harbour.ts';
export { demoSymbols, type MatchedSymbolOptions } from './markets.ts';
