import type { Market } from '../domain/instrument.ts';
import { hourUs, minuteUs } from '../domain/interval.ts';
import type { IdLedger } from '../ledger/id-ledger.ts';
import type { RestRequest } from '../ports/source.ts';
import type { Derivation } from './derivation.ts';
import type { InstrumentState } from './instrument-state.ts';

/** A question whose answer would complete what we hold. The same key is the same question. */
export interface Want {
  readonly key: string;
  readonly request: RestRequest;
}

const rowsPerRequest = 1000;
/** Questions about one stream's gaps that are open at once. */
const rangesAtOnce = 8;
const exchangeInfoPeriodUs = hourUs;
const timePeriodUs = minuteUs;
/** Answers at once after a start, of which the quickest counts. */
const firstTimeAnswers = 5;

/** What the state at hand makes us want to ask the venue. Asking for it twice is harmless. */
export function wants(derivation: Derivation): Want[] {
  const plan = derivation.sessions.plan;
  const { requests } = derivation.source;
  if (plan === undefined) return [];
  const found: Want[] = [];
  const period = (lengthUs: number) => Math.floor(derivation.recordedAtUs / lengthUs);
  const marketSymbols = new Map<Market, string[]>();
  for (const state of derivation.instruments) {
    if (state === undefined || state.planned.size === 0) continue;
    const { market, symbol } = state.instrument;
    marketSymbols.set(market, [...(marketSymbols.get(market) ?? []), symbol]);
    found.push(...instrumentWants(derivation, state));
  }
  for (const [market, symbols] of marketSymbols) {
    const infoKey = `exchange-info/${market}/${period(exchangeInfoPeriodUs)}`;
    found.push({ key: infoKey, request: requests.exchangeInfo(market, symbols) });
    const turn = Math.min(firstTimeAnswers, derivation.clock.count);
    found.push({ key: `time/${market}/${period(timePeriodUs)}/${turn}`, request: requests.time(market) });
  }
  return found;
}

function instrumentWants(derivation: Derivation, state: InstrumentState): Want[] {
  const { requests } = derivation.source;
  const found: Want[] = [];
  const id = state.id;
  if (state.planned.has('depth') && state.book.needsSnapshot) {
    found.push({ key: `book/${id}`, request: requests.bookSnapshot(state.instrument) });
  }
  for (const [fromId, toId] of missingRanges(state.trades)) {
    const request = requests.tradesById(state.instrument, fromId, Math.min(rowsPerRequest, toId - fromId + 1));
    if (request !== undefined) found.push({ key: `trades/${id}/${fromId}`, request });
  }
  for (const [fromId, toId] of missingRanges(state.aggTrades)) {
    const limit = Math.min(rowsPerRequest, toId - fromId + 1);
    found.push({ key: `agg-trades/${id}/${fromId}`, request: requests.aggTradesById(state.instrument, fromId, limit) });
  }
  for (const [interval, ledger] of state.klines) {
    for (const gap of ledger.missing().slice(0, rangesAtOnce)) {
      for (const [fromUs, lastUs] of ledger.toFetchIn(gap.fromId, gap.toId)) {
        const request = requests.klines(state.instrument, interval, fromUs, lastUs, rowsPerRequest);
        found.push({ key: `klines/${id}/${interval}/${fromUs}`, request });
      }
    }
  }
  return found;
}

/** The first missing ranges, cut to what one request can bring. */
function missingRanges(ledger: IdLedger): [number, number][] {
  const found: [number, number][] = [];
  for (const gap of ledger.missing()) {
    for (const [fromId, toId] of ledger.toFetchIn(gap.fromId, gap.toId)) {
      for (let at = fromId; at <= toId; at += rowsPerRequest) {
        if (found.length >= rangesAtOnce) return found;
        found.push([at, Math.min(toId, at + rowsPerRequest - 1)]);
      }
    }
  }
  return found;
}
