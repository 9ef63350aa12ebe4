import type { Coverage, SqlAnswer, TablesAnswer } from '../../../src/protocol/api.ts';
import type { ModelsAnswer } from '../../../src/protocol/models.ts';
import { getCandles, getJson, postJson } from '../live/api.ts';

export function getTables(signal: AbortSignal): Promise<TablesAnswer> {
  return getJson('tables', {}, signal);
}

/** What the models' own descriptions say of them. */
export function getModels(signal: AbortSignal): Promise<ModelsAnswer> {
  return getJson('models', {}, signal);
}

/** The page on which models, their tests and what they come from are looked at. */
export const modelsPage = '/api/v1/models/page';

export interface SqlLimits {
  readonly maxRows: number;
  readonly timeoutMs: number;
  /** A catalog version or an instant, as text; empty: now, with what is in no commit yet. */
  readonly asOf?: string;
}

export function runSql(sql: string, { asOf = '', ...limits }: SqlLimits, signal: AbortSignal): Promise<SqlAnswer> {
  const then = asOf.trim();
  return postJson('sql', { sql, ...limits, ...(then === '' ? {} : { asOf: then }) }, signal);
}

/** What is held of an instrument in a range: of its candles, the finest that fit in one answer. */
export async function getCoverage(
  instrument: string,
  fromUs: number,
  toUs: number,
  signal: AbortSignal,
): Promise<Coverage> {
  const lengthUs = toUs - fromUs;
  const interval =
    lengthUs <= 3_600e6 ? '1s' : lengthUs <= 3 * 86_400e6 ? '1m' : lengthUs <= 200 * 86_400e6 ? '1h' : '1d';
  const { coverage } = await getCandles({ instrument, interval, fromUs, toUs, limit: 5_000 }, signal);
  return coverage;
}
