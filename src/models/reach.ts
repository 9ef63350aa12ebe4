import { dayUs, hourUs, minuteUs, secondUs } from '../domain/interval.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import { invalid } from './invalid.ts';
import type { ModelReach } from './model.ts';

const keys = ['grain', 'lookback', 'scope', 'time_column', 'key'];
const unitUs: Readonly<Record<string, number>> = { second: secondUs, minute: minuteUs, hour: hourUs, day: dayUs };

/** Reads `meta` of a model's config. Without it a model is computed by whole days and sees no other day. */
export function reachOf(meta: unknown, path: string, inputs: readonly string[]): ModelReach {
  const given = (meta ?? {}) as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (keys.includes(name)) continue;
    const near = nearestWord(name, keys);
    // Other tools keep their own things there, too; a near miss is a mistake.
    if (near !== undefined) throw invalid(path, `meta has no ${name}`, `did you mean ${near}?`);
  }
  const { grain, lookback, scope, time_column: timeColumn, key } = given;
  const grainUs = grain === undefined ? dayUs : duration(path, 'grain', grain);
  if (dayUs % grainUs !== 0) throw invalid(path, `a grain of ${String(grain)} does not divide a day`);
  if (timeColumn !== undefined && typeof timeColumn !== 'string') throw invalid(path, 'time_column is no name');
  if (timeColumn === undefined && grainUs < dayUs) {
    throw invalid(path, 'its grain is shorter than a day and it has no time_column');
  }
  if (scope !== undefined && scope !== 'symbol' && scope !== 'market') {
    throw invalid(path, `scope is ${String(scope)}`, 'it is symbol or market');
  }
  if (key !== undefined && !(Array.isArray(key) && key.every((one) => typeof one === 'string'))) {
    throw invalid(path, 'key is no list of columns');
  }
  return {
    grainUs,
    lookbackUs: lookbacks(path, lookback, inputs),
    // Without a word about it nobody knows what a row depends on.
    scope: scope ?? 'market',
    timeColumn,
    key: (key as string[] | undefined) ?? (timeColumn === undefined ? [] : [timeColumn]),
  };
}

function lookbacks(path: string, given: unknown, inputs: readonly string[]): ModelReach['lookbackUs'] {
  if (given === undefined) return 0;
  if (given === null || typeof given !== 'object') return duration(path, 'lookback', given);
  for (const name of Object.keys(given)) {
    if (inputs.includes(name)) continue;
    const near = nearestWord(name, inputs);
    throw invalid(path, `lookback names ${name}, which it does not read`, near && `did you mean ${near}?`);
  }
  return Object.fromEntries(Object.entries(given).map(([name, text]) => [name, duration(path, 'lookback', text)]));
}

function duration(path: string, what: string, given: unknown): number {
  const match = /^(\d{1,5}) (second|minute|hour|day)s?$/.exec(String(given));
  if (match === null || Number(match[1]) === 0) {
    throw invalid(path, `${what} is ${JSON.stringify(given)}`, 'write it like 1 minute, 4 hours or 30 days');
  }
  return Number(match[1]) * unitUs[match[2]!]!;
}
