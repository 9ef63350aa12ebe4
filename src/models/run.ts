import { TidemarkError } from '../domain/error.ts';
import { dateOf, dayUs } from '../domain/interval.ts';
import { tableNamed } from '../domain/tables/index.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog, CatalogState, ComputedDay, DataFile } from '../ports/catalog.ts';
import type { Lake, ReplacedDay } from '../ports/lake.ts';
import type { FailedTest, ModelRunner, ModelSession, StepOutcome } from '../ports/model-runner.ts';
import type { Files } from '../ports/world.ts';
import { type DueDay, dueDays, startOf } from './due.ts';
import { withAncestors } from './graph.ts';
import { lookbackOf, type Model, type ModelProject } from './model.ts';
import { stepsOf } from './plan.ts';
import { readProject } from './project.ts';
import { refuseNoDay, selected } from './selection.ts';

export interface ModelsOptions {
  readonly lake: Lake;
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  readonly runner: ModelRunner;
  readonly files: Files;
  /** Folder of the models; read at each run. */
  readonly folder: string;
  /** Where finished files wait for publication; on the lake's file system, so that they move. */
  readonly scratchFolder: string;
  /** Names of models, `name+` with all that refer to it; what they refer to runs with them. Undefined: all. */
  readonly select?: readonly string[] | undefined;
  /** Only this UTC day, `YYYY-MM-DD`, and what it depends on. */
  readonly day?: string | undefined;
  /** Computes everything anew; columns may then change. */
  readonly isFullRefresh?: boolean;
  /** Says what is due and computes nothing. */
  readonly isDryRun?: boolean;
  readonly log?: (level: 'info' | 'warn' | 'error', text: string) => void;
  /** In [0, 1]. */
  readonly onProgress?: (progress: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** One model of one market and day. */
export interface ModelsPartition {
  readonly model: string;
  readonly market: string;
  readonly date: string;
  readonly symbols: readonly string[];
  /** Times computed anew, [fromUs, toUs), from the first to the last. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly why: DueDay['why'];
  readonly state: 'due' | 'written' | 'same' | 'failed' | 'blocked';
  readonly rows: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly error: { readonly code: string; readonly why: string; readonly now?: string } | undefined;
}

export interface ModelsResult {
  readonly partitions: readonly ModelsPartition[];
  /** Of the files that were written. */
  readonly rows: number;
  readonly bytes: number;
  readonly failedTests: readonly FailedTest[];
  /** Models that could not be read, and why. */
  readonly problems: ReadonlyMap<string, TidemarkError>;
  /** The newest version that it published; undefined when it published nothing. */
  readonly catalogVersion: number | undefined;
}

/** Days of one publication: what was computed of them is not lost when the next ones fail. */
const daysAtOnce = 32;
/** Work after which a round ends: the files that it reads stay for a while only, and the next one reads newer ones. */
const roundMs = 120_000;
/** Different versions among days that are up to date, above which they are noted at the newest. */
const versionsMax = 16;
const turns = new WeakMap<Lake, Promise<unknown>>();

/**
 * Computes what is due of the models and publishes it, some days in one catalog version. Of a lake one run at a time; a
 * second waits. A run that dies leaves whole publications behind, and the next one goes on there.
 */
export function runModels(options: ModelsOptions): Promise<ModelsResult> {
  const before = turns.get(options.lake) ?? Promise.resolve();
  const turn = before.then(() => new ModelsRun(options).run());
  turns.set(
    options.lake,
    turn.catch(() => undefined),
  );
  return turn;
}

/** What went wrong in a run, as one error; undefined when nothing did. */
export function failureOf(result: ModelsResult): TidemarkError | undefined {
  const failed = result.partitions.filter(({ state }) => state === 'failed' || state === 'blocked');
  const [problem] = result.problems.values();
  if (failed.length === 0 && problem === undefined) return undefined;
  const first = failed[0];
  const test = result.failedTests.find(({ severity }) => severity === 'error');
  if (first === undefined) return problem;
  const reason =
    test === undefined
      ? (first.error?.why ?? 'it failed')
      : `test ${test.test} found ${test.count} wrong rows: ${test.rows[0] ?? ''}`;
  return new TidemarkError(test === undefined ? (first.error?.code ?? 'model-failed') : 'model-test-failed', {
    doing: 'publish the model',
    what: `${test?.model ?? first.model} of ${first.market} ${test?.date ?? first.date}`,
    why: `${reason}${failed.length > 1 ? ` (and ${failed.length - 1} more)` : ''}`,
    now: first.error?.now ?? 'see tidemark models test',
  });
}

class ModelsRun {
  readonly #options: ModelsOptions;
  readonly #project: ModelProject;
  readonly #selected: ReadonlySet<string>;
  readonly #partitions: ModelsPartition[] = [];
  readonly #failedTests: FailedTest[] = [];
  /** Days that are not as they should be, by model, market and date. */
  readonly #bad = new Set<string>();
  #version: number | undefined;
  #session: ModelSession | undefined;
  #files = 0;

  constructor(options: ModelsOptions) {
    this.#options = options;
    this.#project = readProject(options.files, options.folder);
    this.#selected = withAncestors(this.#project.models, selected(this.#project, options.select));
  }

  async run(): Promise<ModelsResult> {
    const { log } = this.#options;
    for (const [name, problem] of this.#project.problems) log?.('error', `${name}: ${problem.message}`);
    if (!this.#options.isDryRun) this.#clearScratch();
    try {
      let isCut = true;
      while (isCut) isCut = await this.#round();
    } finally {
      this.#session?.close();
    }
    const written = this.#partitions.filter(({ state }) => state === 'written');
    return {
      partitions: this.#partitions,
      rows: written.reduce((sum, { rows }) => sum + rows, 0),
      bytes: written.reduce((sum, { bytes }) => sum + bytes, 0),
      failedTests: this.#failedTests,
      problems: this.#project.problems,
      catalogVersion: this.#version,
    };
  }

  /** Computes some days as of one version; true when days are left for another round. */
  async #round(): Promise<boolean> {
    const { lake, catalog, isFullRefresh = false, isDryRun = false, onProgress } = this.#options;
    const state = await lake.state();
    const models = this.#project.models.filter((model) => this.#selected.has(model.name));
    const due = await dueDays({
      models,
      computed: await catalog.computedDays(),
      atVersion: state.version,
      changesAfter: (version) => catalog.rowsChangedAfter(version),
      isAll: isFullRefresh,
    });
    const wanted = this.#wanted(models, due.days).filter((one) => !this.#bad.has(badKey(one)));
    if (isDryRun) {
      for (const one of wanted) this.#partitions.push(partitionOf(one, undefined));
      return false;
    }
    const dates = [...new Set(wanted.map(({ date }) => date))];
    const publication = new Publication(state);
    const before = this.#partitions.length;
    let done = 0;
    try {
      for (const date of dates) {
        const spentMs = this.#partitions.slice(before).reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
        if (!isFullRefresh && (done >= daysAtOnce || spentMs > roundMs)) break;
        const ofDate = wanted.filter((one) => one.date === date);
        for (const [market, ofMarket] of Map.groupBy(ofDate, (one) => one.market)) {
          this.#options.signal?.throwIfAborted();
          await this.#partition(market, date, ofMarket, publication);
        }
        done++;
        onProgress?.(done / dates.length);
      }
      if (isFullRefresh) this.#refuseHalfRefresh(publication);
      if (due.provenVersions > versionsMax) publication.computed.push(...due.proven);
      await this.#publish(publication);
    } finally {
      for (const path of publication.paths) this.#options.files.remove(path);
    }
    return done < dates.length;
  }

  /** Due days of the asked day and of those that it depends on; all without one. */
  #wanted(models: readonly Model[], due: readonly DueDay[]): readonly DueDay[] {
    const { day } = this.#options;
    if (day === undefined) return due;
    refuseNoDay(day);
    // From when on each model is needed, followers first.
    const neededFromUs = new Map(models.map((model) => [model.name, startOf(day)]));
    for (const model of models.toReversed()) {
      for (const ref of model.refs) {
        const fromUs = neededFromUs.get(model.name)! - lookbackOf(model.reach, ref);
        neededFromUs.set(ref, Math.min(neededFromUs.get(ref)!, fromUs));
      }
    }
    return due.filter((one) => one.date <= day && one.date >= dateOf(neededFromUs.get(one.model.name)!));
  }

  async #partition(market: string, date: string, due: readonly DueDay[], publication: Publication): Promise<void> {
    const { blobs, runner, signal, log } = this.#options;
    const blocked = due.filter((one) => this.#isBlocked(one));
    const runnable = due.filter((one) => !blocked.includes(one));
    const error = { code: 'model-blocked', why: 'an earlier day that it depends on is not published' };
    for (const one of blocked) this.#ended(one, { state: 'blocked', error });
    if (runnable.length === 0) return;
    // Its process starts while the files are looked up.
    this.#session ??= runner.open(signal);
    const steps = await stepsOf({
      market,
      date,
      models: this.#project.models,
      due: runnable,
      sourceFiles: publication.state.files.filter((file) => tableNamed(file.table) !== undefined),
      modelFiles: publication.modelFiles(),
      pathOf: async (file) => publication.pathOf(file) ?? (await blobs.localPath(file.name)),
      outPath: (model) => this.#outPath(model),
      isAfresh: this.#options.isFullRefresh ?? false,
    });
    const byModel = new Map(runnable.map((one) => [one.model.name, one]));
    const outcomes = await this.#session.run({ market, date, steps });
    for (const [at, outcome] of outcomes.entries()) {
      const one = byModel.get(outcome.model);
      this.#failedTests.push(...outcome.failedTests);
      for (const test of outcome.failedTests) {
        const text = `${test.model} ${market} ${date}: test ${test.test} found ${test.count} wrong rows`;
        log?.(test.severity, [text, ...test.rows].join('\n  '));
      }
      if (one === undefined) continue;
      this.#ended(one, outcome);
      if (outcome.state === 'written' || outcome.state === 'same') {
        publication.add(one, outcome, steps[at]!.outPath);
      }
    }
  }

  /** Whether an earlier day of what it refers to is wrong. */
  #isBlocked({ model, market, date }: DueDay): boolean {
    return model.refs.some((ref) => {
      const days = Math.ceil(lookbackOf(model.reach, ref) / dayUs);
      for (let back = 1; back <= days; back++) {
        if (this.#bad.has(`${ref} ${market} ${dateOf(startOf(date) - back * dayUs)}`)) return true;
      }
      return false;
    });
  }

  #ended(
    one: DueDay,
    outcome: Pick<StepOutcome, 'error'> & Partial<StepOutcome> & { state: StepOutcome['state'] },
  ): void {
    const { log } = this.#options;
    const partition = partitionOf(one, outcome);
    this.#partitions.push(partition);
    const where = `${one.model.name} ${one.market} ${one.date}`;
    if (partition.state === 'failed' || partition.state === 'blocked') {
      this.#bad.add(badKey(one));
      const { error } = partition;
      if (error !== undefined)
        log?.('error', `${where}: ${partition.state}: ${error.why}${error.now ? ` — ${error.now}` : ''}`);
    } else {
      log?.('info', `${where} ${rangeText(partition)} ${symbolsText(one.symbols)}: ${partition.state}, ${partition.rows} rows, ${partition.elapsedMs} ms (${one.why})`); // biome-ignore format: one line
    }
  }

  /** Columns may change for all days at once and not for some. */
  #refuseHalfRefresh(publication: Publication): void {
    for (const [name, ofModel] of Map.groupBy(
      publication.state.files.filter(({ table }) => this.#selected.has(table)),
      ({ table }) => table,
    )) {
      const left = ofModel.filter((file) => !publication.isDone(file));
      if (left.length === 0 || !publication.hasDays(name)) continue;
      const days = left.map(({ market, date }) => `${market} ${date}`).join(', ');
      publication.drop(name);
      this.#options.log?.('error', `${name} stays as it was: ${days} were not computed anew`);
    }
  }

  async #publish({ days, computed }: Publication): Promise<void> {
    if (days.length === 0 && computed.length === 0) return;
    this.#options.signal?.throwIfAborted();
    this.#version = await this.#options.lake.replaceDays(days, computed);
  }

  /** What a run that died left there. */
  #clearScratch(): void {
    const { files, scratchFolder } = this.#options;
    files.makeFolder(scratchFolder);
    for (const name of files.list(scratchFolder)) {
      if (name.endsWith('.parquet')) files.remove(`${scratchFolder}/${name}`);
    }
  }

  #outPath(model: string): string {
    const { scratchFolder } = this.#options;
    return `${scratchFolder}/${model}-${this.#files++}.parquet`;
  }
}

/** What a round has computed and not yet published. */
class Publication {
  readonly state: CatalogState;
  readonly days: ReplacedDay[] = [];
  readonly computed: ComputedDay[] = [];
  readonly paths: string[] = [];
  readonly #written = new Map<string, { file: DataFile; path: string } | undefined>();
  readonly #done = new Set<string>();

  constructor(state: CatalogState) {
    this.state = state;
  }

  add({ model, market, date, symbols }: DueDay, outcome: StepOutcome, path: string): void {
    const { rows, bytes, minTimeUs, maxTimeUs } = outcome;
    const table = model.name;
    this.#done.add(`${table} ${market} ${date}`);
    for (const symbol of symbols) {
      this.computed.push({ table, market, symbol, date, inputVersion: this.state.version, codeHash: model.codeHash });
    }
    if (outcome.state !== 'written') return;
    const rowsChanged = outcome.changed.map((one) => ({ table, market, date, ...one }));
    const localPath = rows === 0 ? undefined : path;
    this.days.push({ table, market, date, localPath, rows, minTimeUs, maxTimeUs, rowsChanged });
    if (rows > 0) this.paths.push(path);
    const file = {
      name: path,
      table,
      market,
      date,
      level: 'day',
      rows,
      bytes,
      minTimeUs,
      maxTimeUs,
      sha256: '',
    } as const;
    this.#written.set(`${table} ${market} ${date}`, rows === 0 ? undefined : { file, path });
  }

  /** Published files of models, with what is computed since in their place. */
  modelFiles(): DataFile[] {
    const published = this.state.files.filter(
      (file) => tableNamed(file.table) === undefined && !this.#written.has(`${file.table} ${file.market} ${file.date}`),
    );
    return [...published, ...[...this.#written.values()].flatMap((one) => (one === undefined ? [] : [one.file]))];
  }

  pathOf(file: DataFile): string | undefined {
    return this.#written.get(`${file.table} ${file.market} ${file.date}`)?.file === file ? file.name : undefined;
  }

  isDone({ table, market, date }: DataFile): boolean {
    return this.#done.has(`${table} ${market} ${date}`);
  }

  hasDays(model: string): boolean {
    return this.days.some(({ table }) => table === model);
  }

  drop(model: string): void {
    for (const list of [this.days, this.computed] as { table: string }[][]) {
      for (let at = list.length - 1; at >= 0; at--) if (list[at]!.table === model) list.splice(at, 1);
    }
  }
}

const badKey = ({ model, market, date }: DueDay): string => `${model.name} ${market} ${date}`;

function partitionOf(one: DueDay, outcome: Partial<StepOutcome> | undefined): ModelsPartition {
  const state = outcome?.state ?? 'due';
  return {
    model: one.model.name,
    market: one.market,
    date: one.date,
    symbols: one.symbols,
    fromUs: Math.min(...one.cuts.map(({ fromUs }) => fromUs)),
    toUs: Math.max(...one.cuts.map(({ toUs }) => toUs)),
    why: one.why,
    state: state === 'loaded' ? 'same' : state,
    rows: outcome?.rows ?? 0,
    bytes: outcome?.bytes ?? 0,
    elapsedMs: outcome?.elapsedMs ?? 0,
    error: outcome?.error,
  };
}

/** `00:00–24:00`, as far as a day's rows were computed anew. */
export function rangeText({ date, fromUs, toUs }: { date: string; fromUs: number; toUs: number }): string {
  const clock = (atUs: number) =>
    atUs - startOf(date) >= dayUs ? '24:00' : new Date(atUs / 1000).toISOString().slice(11, 16);
  return `${clock(fromUs)}–${clock(toUs)}`;
}

function symbolsText(symbols: readonly string[]): string {
  return symbols.length <= 5 ? symbols.join(' ') : `${symbols.slice(0, 5).join(' ')} and ${symbols.length - 5} more`;
}
