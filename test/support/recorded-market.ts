import { demoSymbols, type Harbour, startHarbour } from '../../src/harbour/index.ts';
import type { StatusAnswer } from '../../src/protocol/api.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { type Ended, getJson, runTidemark, TemporaryFolder, TidemarkProcess } from './processes.ts';

export interface RecordedMarketOptions {
  readonly seed: number;
  /** The first so many of the demo's symbols. */
  readonly symbols?: number;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A market that is simulated in this process; a recorder and an engine, each a process of its own, record it. */
export class RecordedMarket {
  readonly folder: TemporaryFolder;
  readonly harbour: Harbour;
  readonly settings: string;
  readonly #seed: number;
  recorder!: TidemarkProcess;
  engine!: TidemarkProcess;
  /** Of the engine. */
  url = '';

  private constructor(folder: TemporaryFolder, harbour: Harbour, settings: string, seed: number) {
    this.folder = folder;
    this.harbour = harbour;
    this.settings = settings;
    this.#seed = seed;
  }

  static async start(name: string, { seed, symbols = 1, config = {} }: RecordedMarketOptions): Promise<RecordedMarket> {
    const folder = new TemporaryFolder(name);
    const listed = demoSymbols.slice(0, symbols);
    const harbour = await startHarbour(createNodeWorld(), {
      mode: { kind: 'matching', seed, symbols: listed, speed: 1 },
    });
    const settings = folder.settings({
      dataKind: 'simulated',
      instruments: listed.map(({ symbol }) => `binance:spot:${symbol}`),
      venue: harbour.hosts,
      server: { port: 0 },
      lake: { commitSeconds: 1 },
      log: { level: 'warn' },
      ...config,
    });
    const market = new RecordedMarket(folder, harbour, settings, seed);
    market.startRecorder();
    try {
      await market.startEngine();
    } catch (error) {
      await market.stop();
      throw error;
    }
    return market;
  }

  startRecorder(): void {
    this.recorder = this.#start('record');
  }

  async startEngine(): Promise<void> {
    this.engine = this.#start('serve', '--seed', String(this.#seed));
    const { data } = JSON.parse(await this.engine.firstLine()) as { data: { url: string } };
    this.url = data.url;
  }

  status(): Promise<StatusAnswer> {
    return getJson(`${this.url}/api/v1/status`);
  }

  /** A command on the same settings. */
  run(...args: string[]): Promise<Ended> {
    return runTidemark(['--config', this.settings, ...args], { cwd: this.folder.path, isChild: false });
  }

  async stop(): Promise<void> {
    await this.engine.kill();
    await this.recorder.kill();
    await this.harbour.stop();
    this.folder.remove();
  }

  #start(...args: string[]): TidemarkProcess {
    return new TidemarkProcess(['--config', this.settings, '--json', ...args], { cwd: this.folder.path });
  }
}
