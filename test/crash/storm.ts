import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, loadConfig } from '../../src/cli/config.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import type { Harbour, MatchedSymbolOptions } from '../../src/harbour/index.ts';
import { startHarbour } from '../../src/harbour/index.ts';
import { SeededRandom } from '../../src/harbour/random.ts';
import { openJournalReader } from '../../src/journal/reader.ts';
import type { GapRow, LedgerRow, StatusAnswer } from '../../src/protocol/api.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { getJson, TemporaryFolder, TidemarkProcess, until } from '../support/processes.ts';

export const stormSymbols: readonly MatchedSymbolOptions[] = ['BTCUSDT', 'SOLUSDT'].map((symbol) => ({
  symbol,
  market: 'spot',
}));
export const stormStreams = ['trade', 'agg-trade', 'depth', 'book-ticker', 'ticker', 'kline'];

const heldMs = 250;

/** Settings that say where lake, catalog and shipped journals are; by default all is in the data folder. */
export interface StormStores {
  readonly lake?: Readonly<Record<string, unknown>>;
  readonly catalog?: Readonly<Record<string, unknown>>;
  readonly shipping?: Readonly<Record<string, unknown>>;
}

/** A harbour in this process; recorder and engine as processes of their own, each started again as soon as it is killed. */
export class Storm {
  readonly folder = new TemporaryFolder('storm');
  readonly harbour: Harbour;
  readonly kills = { recorder: 0, engine: 0, both: 0 };
  /** The settings of the machine that it is on now. */
  file: string;
  readonly #settings: Readonly<Record<string, unknown>>;
  #machines = 1;
  readonly #random: SeededRandom;
  #recorder: TidemarkProcess;
  #engine: TidemarkProcess;
  #complaints: string[] = [];

  static async begin(seed: number, stores: StormStores = {}): Promise<Storm> {
    const harbour = await startHarbour(createNodeWorld(), {
      mode: { kind: 'matching', seed, symbols: stormSymbols, speed: 1 },
      // Every restart dials and asks again: that the venue limits both is another test's subject.
      faults: { attemptsPerFiveMinutes: 1_000_000, weightPerMinute: 1_000_000 },
    });
    return new Storm(harbour, seed, stores);
  }

  private constructor(harbour: Harbour, seed: number, { lake, ...stores }: StormStores) {
    this.harbour = harbour;
    this.#random = new SeededRandom(`storm ${seed}`);
    this.#settings = {
      dataKind: 'simulated',
      instruments: stormSymbols.map(({ symbol }) => `binance:spot:${symbol}`),
      streams: stormStreams,
      klineIntervals: ['1s', '1m'],
      venue: harbour.hosts,
      server: { port: 0 },
      journal: { segmentMaxBytes: 2 * 1024 * 1024 },
      lake: { commitSeconds: 1, maxPendingRows: 1000, maintenanceSeconds: 1, ...lake },
      ...stores,
      log: { level: 'warn' },
    };
    this.file = this.folder.settings(this.#settings);
    this.#engine = this.#start('serve');
    this.#recorder = this.#start('record');
  }

  get config(): Config {
    return loadConfig({ file: this.file, env: {}, cwd: this.folder.path }).config;
  }

  #start(command: 'record' | 'serve'): TidemarkProcess {
    const started = new TidemarkProcess(['--config', this.file, command]);
    void started.ended.then(({ code, signal, stderr }) => {
      // Whatever ends by itself is a failure; what was killed or asked to stop is not.
      if (started !== this.#engine && started !== this.#recorder) return;
      if (signal !== 'SIGKILL' && code !== 143) this.#complaints.push(`${command} ended (${code}): ${stderr}`);
    });
    return started;
  }

  /** Waits until the first trade of every symbol is held, so that the recorded span begins with the first frames sent. */
  async settle(): Promise<void> {
    await until(
      async () => (await this.#ledger())?.every((row) => row.heldIds > 0) ?? false,
      'the first trades',
      60_000,
    );
  }

  async #url(): Promise<string | undefined> {
    const [line] = this.#engine.stdout.split('\n');
    return this.#engine.stdout.includes('\n') ? line : undefined;
  }

  async #ask<T>(path: string): Promise<T | undefined> {
    const url = await this.#url();
    if (url === undefined) {
      if (this.#complaints.length > 0) throw new Error(this.#complaints.join('\n'));
      return undefined;
    }
    return await getJson<T>(`${url}${path}`);
  }

  async #ledger(): Promise<readonly LedgerRow[] | undefined> {
    const ledger = (await this.#ask<readonly LedgerRow[]>('/api/v1/ledger'))?.filter((row) => row.stream === 'trade');
    return ledger === undefined || ledger.length < stormSymbols.length ? undefined : ledger;
  }

  get pids(): { readonly recorder: number | undefined; readonly engine: number | undefined } {
    return { recorder: this.#recorder.child.pid, engine: this.#engine.child.pid };
  }

  /** Kills one or both after a while; `before` sees them alive. */
  async killOne(waitMsMax: number, before: () => void = () => {}): Promise<void> {
    await sleep(this.#random.fraction() * waitMsMax);
    before();
    const draw = this.#random.fraction();
    const victims = draw < 0.2 ? 'both' : draw < 0.6 ? 'recorder' : 'engine';
    this.kills[victims]++;
    if (victims !== 'engine') {
      // Held for a moment first, it surely dies with frames that were sent and that it never read.
      if (this.#random.fraction() < 0.5) {
        this.#recorder.child.kill('SIGSTOP');
        await sleep(heldMs);
      }
      this.#recorder.child.kill('SIGKILL');
    }
    if (victims !== 'recorder') this.#engine.child.kill('SIGKILL');
    if (victims !== 'engine') {
      await this.#recorder.ended;
      this.#recorder = this.#start('record');
    }
    if (victims !== 'recorder') {
      await this.#engine.ended;
      this.#engine = this.#start('serve');
    }
  }

  /** Both die at once and stay so, as with their machine. */
  async killBoth(): Promise<void> {
    await Promise.all([this.#recorder.kill(), this.#engine.kill()]);
  }

  startAgain(): void {
    this.#engine = this.#start('serve');
    this.#recorder = this.#start('record');
  }

  async status(): Promise<StatusAnswer | undefined> {
    return this.#ask<StatusAnswer>('/api/v1/status');
  }

  /** Kills both; nobody starts them again before `revive`. */
  async die(): Promise<void> {
    await Promise.all([this.#recorder.kill(), this.#engine.kill()]);
  }

  /**
   * Goes on as another machine with the same settings and an empty disk. The processes of the one before are handed over as
   * they are, and whoever has them ends them.
   */
  moveAway(): { readonly recorder: TidemarkProcess; readonly engine: TidemarkProcess } {
    const before = { recorder: this.#recorder, engine: this.#engine };
    const dataDir = `${this.folder.dataDir}-${++this.#machines}`;
    this.file = this.folder.settings({ ...this.#settings, dataDir }, `machine-${this.#machines}.yaml`);
    return before;
  }

  revive(): void {
    this.#engine = this.#start('serve');
    this.#recorder = this.#start('record');
  }

  /** Until nothing that can be repaired is missing and the engine has read all. */
  async heal(deadlineMs: number): Promise<void> {
    const wanted = stormSymbols.map(({ symbol }) => this.harbour.truth.listing(symbol).trades.lastId!);
    let lacking = 'no answer yet';
    const isWhole = async () => {
      const ledger = await this.#ledger();
      if (ledger === undefined) return false;
      const gaps = (await this.#ask<readonly GapRow[]>('/api/v1/gaps'))!;
      const open = gaps.filter(
        ({ state, closedAtUs }) => !['repaired', 'declared'].includes(state) || closedAtUs === null,
      );
      const behind = ledger.filter((row) => {
        const at = stormSymbols.findIndex(({ symbol }) => row.instrument.endsWith(`:${symbol}`));
        return (row.lastId ?? -1) <= wanted[at]! || row.missingIds > 0;
      });
      const rest = (await this.status())?.rest;
      lacking = JSON.stringify({ rest, open: open.length, behind: behind.length, gaps: open.slice(0, 3) });
      return open.length === 0 && behind.length === 0;
    };
    await until(isWhole, 'every gap to be repaired', deadlineMs, 200).catch((error) => {
      throw new Error(`${error}; lacking: ${lacking}; ${this.#engine.stderr}`);
    });
  }

  /** Recorder first, so that the engine's last commit holds all that was recorded. */
  async stop(): Promise<void> {
    await this.#recorder.kill('SIGTERM');
    const { recorderJournal } = layoutOf(this.config.dataDir, process.cwd());
    const reader = await openJournalReader(createNodeWorld(), { folder: recorderJournal, writer: 'recorder' });
    const end = await reader.syncedEnd();
    await reader.close();
    await until(
      async () => {
        const journals = (await this.status())?.journals ?? [];
        const at = journals.find(({ writer }) => writer === 'recorder');
        return (
          at !== undefined && (at.segment > end.segment || (at.segment === end.segment && at.offset >= end.offset))
        );
      },
      `the engine to read all, to ${JSON.stringify(end)}`,
      30_000,
    );
    await this.#engine.kill('SIGTERM');
    if (this.#complaints.length > 0) throw new Error(this.#complaints.join('\n'));
  }

  /** Whatever state a failed test leaves. */
  async end(): Promise<void> {
    await this.die();
    await this.harbour.stop();
    this.folder.remove();
  }
}
