/** Rows of some symbols, or of all, with times in [fromUs, toUs). */
export interface TimeCut {
  readonly symbols: readonly string[] | undefined;
  readonly fromUs: number;
  readonly toUs: number;
}

/** What a model's SQL or a test sees under a name: rows of one market. */
export interface ModelInput {
  readonly name: string;
  /** Parquet files; of a model that is a step of the same partition those of other days only. */
  readonly paths: readonly string[];
  /** Typed columns of a declared table, for when it has no files; undefined of a model. */
  readonly columns: readonly { readonly name: string; readonly sqlType: string }[] | undefined;
  /** Cuts are by this column, or by `date` where there is none. */
  readonly timeColumn: string | undefined;
  readonly cuts: readonly TimeCut[];
}

/** A check of a model's rows: a SELECT of the rows that are wrong. */
export interface ModelTest {
  readonly name: string;
  readonly sql: string;
  /** Declared tables that it reads, of the partition's day. Models are read as they are in the session. */
  readonly inputs: readonly ModelInput[];
  /** A `warn` is told and blocks nothing. */
  readonly severity: 'error' | 'warn';
}

/** One model of a partition. */
export interface ModelStep {
  readonly model: string;
  /** Rendered; inputs are named `in_MODEL.NAME`. */
  readonly sql: string;
  readonly refs: readonly string[];
  readonly inputs: readonly ModelInput[];
  /** `compute` the rows of `cuts`, take all from `existing` (`load`), or be there without rows (`empty`). */
  readonly work: 'compute' | 'load' | 'empty';
  /** What is computed anew; the other rows of the day come from `existing`. */
  readonly cuts: readonly TimeCut[];
  readonly timeColumn: string | undefined;
  /** Columns that identify a row together with market and symbol; rows are written in their order. */
  readonly key: readonly string[];
  /** Published rows of this day. */
  readonly existing: string | undefined;
  /** Any published file of the model: other columns than its are refused; undefined where none is or the change is wanted. */
  readonly sample: string | undefined;
  /** Types that the model's description gives; others are refused. */
  readonly columnTypes: Readonly<Record<string, string>>;
  readonly tests: readonly ModelTest[];
  /** Where the day's rows are written. */
  readonly outPath: string;
}

/** Models of one market and day, in an order in which each comes after those that it refers to. */
export interface ModelPartition {
  readonly market: string;
  readonly date: string;
  /** Tests name models and tables as `tests.NAME`. */
  readonly steps: readonly ModelStep[];
}

/** A check that found wrong rows. */
export interface FailedTest {
  readonly model: string;
  readonly test: string;
  readonly severity: 'error' | 'warn';
  readonly market: string;
  readonly date: string;
  readonly count: number;
  /** Some of them, as `column=value, …`. */
  readonly rows: readonly string[];
}

export interface StepOutcome {
  readonly model: string;
  /** `same`: computed, and as it was. `failed`: a test or the SQL; `blocked`: a model that it refers to. */
  readonly state: 'written' | 'same' | 'loaded' | 'failed' | 'blocked';
  readonly rows: number;
  readonly bytes: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  /** Times whose rows differ from the published ones, by symbol. */
  readonly changed: readonly { readonly symbol: string; readonly minTimeUs: number; readonly maxTimeUs: number }[];
  readonly failedTests: readonly FailedTest[];
  readonly error: { readonly code: string; readonly why: string; readonly now?: string } | undefined;
  readonly columns: readonly { readonly name: string; readonly sqlType: string }[];
  readonly elapsedMs: number;
}

/** One process; partitions one after another. */
export interface ModelSession {
  /** Outcomes in the order of the steps, each told to `onStep` as it is known. Rejects with `models-ended` when the process is gone. */
  run(partition: ModelPartition, onStep?: (outcome: StepOutcome) => void): Promise<readonly StepOutcome[]>;
  close(): void;
}

/**
 * Runs models' SQL apart from the program: each statement is one SELECT over its own inputs, which can open no other file,
 * no network and no setting; a broken one fails alone. `signal` ends the process.
 */
export interface ModelRunner {
  open(signal?: AbortSignal): ModelSession;
}
