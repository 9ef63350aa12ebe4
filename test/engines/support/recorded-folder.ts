import type { TestContext } from 'node:test';
import { demoSymbols, startHarbour } from '../../../src/harbour/index.ts';
import type { StatusAnswer } from '../../../src/protocol/api.ts';
import type { RunRow, RunsAnswer } from '../../../src/protocol/jobs.ts';
import { createNodeWorld } from '../../../src/world/node/index.ts';
import { getJson, runTidemark, TemporaryFolder, TidemarkProcess, until } from '../../support/processes.ts';

/** A data folder with a running engine whose own schedules are off, as an orchestrator wants it. */
export interface RecordedFolder {
  readonly folder: string;
  /** Yesterday, UTC: settled, since nothing of it is expected any more. */
  readonly yesterday: string;
  /** `tidemark …` with its settings; fails when it ends with an error. */
  tidemark(...args: readonly string[]): Promise<string>;
  /** What was asked for, in its order. */
  runs(): Promise<readonly RunRow[]>;
}

export async function recordedFolder(t: TestContext): Promise<RecordedFolder> {
  const folder = new TemporaryFolder('orchestrated');
  const harbour = await startHarbour(createNodeWorld(), {
    mode: { kind: 'matching', seed: 3, symbols: demoSymbols.slice(0, 1), speed: 1 },
  });
  const settings = folder.settings({
    dataKind: 'simulated',
    instruments: ['binance:spot:BTCUSDT'],
    venue: harbour.hosts,
    server: { port: 0 },
    lake: { commitSeconds: 1 },
    jobs: { scheduler: 'external', export: { tables: ['trades'] } },
    log: { level: 'warn' },
  });
  const recorder = new TidemarkProcess(['--config', settings, 'record'], { cwd: folder.path });
  const engine = new TidemarkProcess(['--config', settings, 'serve'], { cwd: folder.path });
  t.after(async () => {
    await engine.kill();
    await recorder.kill();
    await harbour.stop();
    folder.remove();
  });
  const url = await engine.firstLine(60_000);
  const version = async () => (await getJson<StatusAnswer>(`${url}/api/v1/status`)).lake.catalogVersion;
  await until(async () => (await version()) > 2, 'commits', 60_000);
  return {
    folder: folder.path,
    yesterday: new Date(Date.now() - 86_400_000).toISOString().slice(0, 10),
    tidemark: async (...args) => {
      const { code, stdout, stderr } = await runTidemark(['--config', settings, ...args], { cwd: folder.path });
      if (code !== 0) throw new Error(`tidemark ${args.join(' ')} ended with ${code}: ${stderr}`);
      return stdout;
    },
    runs: async () => (await getJson<RunsAnswer>(`${url}/api/v1/runs?cause=asked`)).runs.toReversed(),
  };
}
