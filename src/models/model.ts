import type { TidemarkError } from '../domain/error.ts';

/** How far the rows of a model reach; from `meta` of its config. */
export interface ModelReach {
  /** A row at T depends on inputs from its grain's start on, and before that `lookback`. It divides a day. */
  readonly grainUs: number;
  /** By input, or for all of them. */
  readonly lookbackUs: number | Readonly<Record<string, number>>;
  /** `symbol`: a row depends on rows of its own symbol alone; `market`: of any. */
  readonly scope: 'symbol' | 'market';
  /** Time of a row; without one rows are known by their day. */
  readonly timeColumn: string | undefined;
  /** What identifies a row together with market and symbol. */
  readonly key: readonly string[];
}

export interface ModelColumn {
  readonly name: string;
  /** SQL type, where the description promises one. */
  readonly type: string | undefined;
  readonly description: string;
}

/** A rendered check. */
export interface ModelCheck {
  readonly name: string;
  readonly path: string;
  readonly sql: string;
  readonly refs: readonly string[];
  readonly sources: readonly string[];
  readonly severity: 'error' | 'warn';
  readonly column: string | undefined;
}

export interface Model {
  readonly name: string;
  /** Place in the folder. */
  readonly path: string;
  /** As written. */
  readonly text: string;
  /** Rendered, a SELECT over `in_NAME.INPUT`. */
  readonly sql: string;
  /** Models and declared tables that it reads. */
  readonly refs: readonly string[];
  readonly sources: readonly string[];
  readonly reach: ModelReach;
  readonly description: string;
  readonly columns: readonly ModelColumn[];
  /** Checks that are due when this model is computed. */
  readonly checks: readonly ModelCheck[];
  /** Hash of the SQL, its reach and of all that it refers to, hex. */
  readonly codeHash: string;
}

/** What a folder of models holds. */
export interface ModelProject {
  readonly name: string;
  readonly folder: string;
  /** Each after those that it refers to. */
  readonly models: readonly Model[];
  /** What is wrong, by model or file; who refers to a broken model is broken too. */
  readonly problems: ReadonlyMap<string, TidemarkError>;
}

export function lookbackOf(reach: ModelReach, input: string): number {
  return typeof reach.lookbackUs === 'number' ? reach.lookbackUs : (reach.lookbackUs[input] ?? 0);
}
