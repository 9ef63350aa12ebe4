import { dateOf, dayUs } from '../domain/interval.ts';
import type { ComputedDay, RowsChange } from '../ports/catalog.ts';
import type { TimeCut } from '../ports/model-runner.ts';
import { lookbackOf, type Model } from './model.ts';

/** Rows of one model, market and day that have to be computed. */
export interface DueDay {
  readonly model: Model;
  readonly market: string;
  readonly date: string;
  readonly symbols: readonly string[];
  readonly cuts: readonly TimeCut[];
  readonly why: 'never computed' | 'its code changed' | 'inputs changed' | 'asked for';
}

export interface Due {
  readonly days: readonly DueDay[];
  /** Days that are as their inputs are, though they were computed at an older version than `atVersion`. */
  readonly proven: readonly ComputedDay[];
  /** How many different versions these were computed at. */
  readonly provenVersions: number;
}

export interface DueQuestion {
  readonly models: readonly Model[];
  readonly computed: readonly ComputedDay[];
  /** Catalog version that the inputs are read at. */
  readonly atVersion: number;
  readonly changesAfter: (version: number) => Promise<readonly RowsChange[]>;
  /** Everything, whatever is computed already. */
  readonly isAll?: boolean;
}

/** Times of a symbol's day, both ends included. */
interface Reach {
  fromUs: number;
  lastUs: number;
}

type Reaches = Map<string, Reach>;

export const startOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) * 1000;
const dayKey = (market: string, date: string) => `${market} ${date}`;
const reachKey = (market: string, symbol: string, date: string) => `${market} ${date} ${symbol}`;

/** Which rows of which models have to be computed, in the order of days and then of models. */
export async function dueDays(question: DueQuestion): Promise<Due> {
  const { models, atVersion, isAll = false } = question;
  const everChanged = await question.changesAfter(0);
  const symbols = symbolsByModel(models, everChanged);
  const computed = new Map(
    question.computed.map((one) => [`${one.table} ${reachKey(one.market, one.symbol, one.date)}`, one]),
  );
  const hashes = new Map(models.map((model) => [model.name, model.codeHash]));
  const current = question.computed.filter((one) => hashes.get(one.table) === one.codeHash);
  const oldest = current.reduce((least, one) => Math.min(least, one.inputVersion), atVersion);
  const touchedAfter = new Map<number, Promise<ReadonlyMap<string, Reaches>>>();
  const touched = (version: number) => {
    const known =
      touchedAfter.get(version) ?? question.changesAfter(version).then((all) => reachesByModel(models, symbols, all));
    touchedAfter.set(version, known);
    return known;
  };
  const maybe = await touched(oldest);
  const days: DueDay[] = [];
  const proven: ComputedDay[] = [];
  const provenVersions = new Set<number>();
  for (const model of models) {
    for (const [day, ofDay] of symbols.get(model.name)!) {
      const [market, date] = day.split(' ') as [string, string];
      const due = new Map<string, Reach>();
      let why: DueDay['why'] = 'inputs changed';
      const whole = { fromUs: startOf(date), lastUs: startOf(date) + dayUs - 1 };
      for (const symbol of ofDay) {
        const known = computed.get(`${model.name} ${reachKey(market, symbol, date)}`);
        if (isAll || known === undefined || known.codeHash !== model.codeHash) {
          due.set(symbol, whole);
          why = isAll ? 'asked for' : known === undefined ? 'never computed' : 'its code changed';
          continue;
        }
        const isTouched = maybe.get(model.name)?.has(reachKey(market, symbol, date)) ?? false;
        const reach = isTouched
          ? (await touched(known.inputVersion)).get(model.name)?.get(reachKey(market, symbol, date))
          : undefined;
        if (reach !== undefined) due.set(symbol, reach);
        else if (known.inputVersion < atVersion) {
          proven.push({ ...known, inputVersion: atVersion });
          provenVersions.add(known.inputVersion);
        }
      }
      if (due.size === 0) continue;
      if (model.reach.scope === 'market') spread(due, ofDay);
      days.push({ model, market, date, symbols: [...due.keys()].sort(), cuts: cutsOf(due, ofDay), why });
    }
  }
  days.sort((a, b) => (a.date === b.date ? 0 : a.date < b.date ? -1 : 1));
  return { days, proven, provenVersions: provenVersions.size };
}

/** Symbols of each model by market and day: those of what it reads. */
function symbolsByModel(models: readonly Model[], everChanged: readonly RowsChange[]) {
  const byName = new Map<string, Map<string, Set<string>>>();
  for (const { table, market, symbol, date } of everChanged) add(byName, table, market, date, [symbol]);
  for (const model of models) {
    byName.set(model.name, new Map());
    for (const input of [...model.sources, ...model.refs]) {
      for (const [day, symbols] of byName.get(input) ?? []) {
        const [market, date] = day.split(' ') as [string, string];
        add(byName, model.name, market, date, symbols);
      }
    }
  }
  return byName;
}

function add(
  byName: Map<string, Map<string, Set<string>>>,
  name: string,
  market: string,
  date: string,
  symbols: Iterable<string>,
): void {
  const days = byName.get(name) ?? new Map<string, Set<string>>();
  byName.set(name, days);
  const known = days.get(dayKey(market, date)) ?? new Set<string>();
  days.set(dayKey(market, date), known);
  for (const symbol of symbols) known.add(symbol);
}

/** What changes of tables touch of each model, near or far. */
function reachesByModel(
  models: readonly Model[],
  symbols: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>,
  changes: readonly RowsChange[],
): ReadonlyMap<string, Reaches> {
  const names = new Set(models.map((model) => model.name));
  const changed = Map.groupBy(
    changes.filter((change) => !names.has(change.table)),
    (change) => change.table,
  );
  const reaches = new Map<string, Reaches>();
  for (const model of models) {
    const own: Reaches = new Map();
    const { grainUs, scope } = model.reach;
    const days = symbols.get(model.name)!;
    for (const input of [...model.sources, ...model.refs]) {
      const lookbackUs = lookbackOf(model.reach, input);
      for (const { market, symbol, minTimeUs, maxTimeUs } of changed.get(input) ?? []) {
        const fromUs = Math.floor(minTimeUs / grainUs) * grainUs;
        const toUs = (Math.floor((maxTimeUs + lookbackUs) / grainUs) + 1) * grainUs;
        for (let dayFromUs = Math.floor(fromUs / dayUs) * dayUs; dayFromUs < toUs; dayFromUs += dayUs) {
          const date = dateOf(dayFromUs);
          const ofDay = days.get(dayKey(market, date));
          if (ofDay === undefined) continue;
          const reach = { fromUs: Math.max(fromUs, dayFromUs), lastUs: Math.min(toUs, dayFromUs + dayUs) - 1 };
          for (const one of scope === 'market' ? ofDay : ofDay.has(symbol) ? [symbol] : []) {
            extend(own, reachKey(market, one, date), reach);
          }
        }
      }
    }
    reaches.set(model.name, own);
    changed.set(
      model.name,
      [...own].map(([key, { fromUs, lastUs }]) => {
        const [market, date, symbol] = key.split(' ') as [string, string, string];
        return { table: model.name, market, symbol, date, minTimeUs: fromUs, maxTimeUs: lastUs };
      }),
    );
  }
  return reaches;
}

function extend(reaches: Reaches, key: string, reach: Reach): void {
  const known = reaches.get(key);
  if (known === undefined) reaches.set(key, { ...reach });
  else {
    known.fromUs = Math.min(known.fromUs, reach.fromUs);
    known.lastUs = Math.max(known.lastUs, reach.lastUs);
  }
}

/** Rows that depend on every symbol are computed for every symbol. */
function spread(due: Map<string, Reach>, symbols: ReadonlySet<string>): void {
  const reach = { fromUs: Number.POSITIVE_INFINITY, lastUs: 0 };
  for (const one of due.values()) {
    reach.fromUs = Math.min(reach.fromUs, one.fromUs);
    reach.lastUs = Math.max(reach.lastUs, one.lastUs);
  }
  for (const symbol of symbols) due.set(symbol, reach);
}

/** One cut for the symbols whose times are the same. */
function cutsOf(due: ReadonlyMap<string, Reach>, symbols: ReadonlySet<string>): TimeCut[] {
  const groups = Map.groupBy(due, ([, { fromUs, lastUs }]) => `${fromUs} ${lastUs}`);
  return [...groups.values()].map((group) => ({
    symbols: group.length === symbols.size ? undefined : group.map(([symbol]) => symbol).sort(),
    fromUs: group[0]![1].fromUs,
    toUs: group[0]![1].lastUs + 1,
  }));
}
