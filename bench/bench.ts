/** One measured figure, as `npm run bench -- NAME --json` prints it. */
export interface Result {
  readonly name: string;
  /** Median of `samples`, in `unit`. */
  readonly value: number;
  readonly unit: string;
  /** The rival or limit measured in the same run; null where the goal is absolute. */
  readonly against: number | null;
  /** value / against. */
  readonly ratio: number | null;
  /** What a program can check: `ratio >= 6`, `value <= 20`, joined by `and`; null for a figure that only informs. */
  readonly goal: string | null;
  readonly met: boolean | null;
  readonly samples: readonly number[];
}

/** What a bench gives; `ratio` and `met` are worked out from it. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly value?: number;
  readonly against?: number;
  readonly goal?: string;
}

export interface BenchContext {
  /** Folder of the real recordings; throws, saying how to name one, where there is none. */
  recordings(): string;
  /** A folder of this run's own, removed afterwards. */
  scratch(): string;
  /** Calls `measure` once to warm up and `count` times to measure; each call gives one figure. */
  sample(count: number, measure: () => number | Promise<number>): Promise<number[]>;
  log(text: string): void;
  result(measured: Measured): Result;
  readonly args: readonly string[];
}

export interface Bench {
  readonly name: string;
  readonly question: string;
  /** What is measured on, for the report. */
  readonly data?: string;
  run(context: BenchContext): Promise<readonly Result[]>;
}

export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new Error('a median needs samples');
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Nearest-rank percentile, `share` in (0, 1]. */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new Error('a percentile needs samples');
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
};

/** Whether figures meet a goal: `ratio >= 6`, `value <= 20`, several joined by `and`. A goal that cannot be read throws. */
export function meetsGoal(goal: string, figures: { readonly value: number; readonly ratio: number | null }): boolean {
  const terms = goal.split(/\s+and\s+/).map((term) => {
    const parts = /^\s*(value|ratio)\s*(>=|<=|>|<)\s*(-?[\d_]+(?:\.\d+)?)\s*$/.exec(term);
    if (parts === null) throw new Error(`cannot read the goal “${goal}”: write \`ratio >= 6\` or \`value <= 20\``);
    const [, subject, sign = '', limit = ''] = parts;
    const figure = subject === 'ratio' ? figures.ratio : figures.value;
    if (figure === null) throw new Error(`the goal “${goal}” needs something to compare with`);
    return comparisons[sign]!(figure, Number(limit.replaceAll('_', '')));
  });
  return terms.every(Boolean);
}

export function resultOf(measured: Measured): Result {
  const { name, unit, samples, goal } = measured;
  const value = measured.value ?? median(samples);
  const against = measured.against ?? null;
  const ratio = against === null ? null : value / against;
  return {
    name,
    value,
    unit,
    against,
    ratio,
    goal: goal ?? null,
    met: goal === undefined ? null : meetsGoal(goal, { value, ratio }),
    samples,
  };
}
