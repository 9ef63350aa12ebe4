import type { Harbour, HarbourOptions } from '../harbour/index.ts';
import { startHarbour } from '../harbour/index.ts';
import type { Logger } from '../ports/log.ts';
import type { VenueHosts } from '../ports/source.ts';
import { createNodeWorld } from '../world/node/index.ts';
import type { Config } from './config.ts';
import type { EngineSettings, RunningEngine, RunningRecorder } from './wire.ts';
import { runEngine, runRecorder } from './wire.ts';

/** Harbour, recorder and engine in this process, over loopback sockets and real files. */
export interface WholeSystem {
  readonly harbour: Harbour;
  readonly recorder: RunningRecorder;
  readonly running: RunningEngine;
  /** Rejects when recorder or engine can not go on; never resolves. */
  readonly failed: Promise<never>;
  /** Resolves when everything that the harbour has sent and answered by now is journalled, synced and derived. */
  derived(): Promise<void>;
  /** Resolves when the replay or run is over, and `derived`. */
  finished(): Promise<void>;
  /** What was derived is committed then; recorder and harbour stay. */
  stopEngine(): Promise<void>;
  stop(): Promise<void>;
}

export interface WholeSystemOptions {
  readonly harbour: HarbourOptions;
  readonly config: (hosts: VenueHosts) => Config;
  readonly cwd: string;
  readonly log: Logger;
  readonly settings?: EngineSettings;
}

const lookMs = 20;

export async function startWholeSystem(options: WholeSystemOptions): Promise<WholeSystem> {
  const { cwd, log, settings } = options;
  const stops: (() => Promise<void>)[] = [];
  const stop = once(async () => {
    // In this order: a recorder that ended is a gap in streams without ids.
    for (const stopPart of stops.toReversed()) await stopPart();
  });
  const parts = async () => {
    const harbour = await startHarbour(createNodeWorld(), options.harbour);
    stops.push(once(() => harbour.stop()));
    const config = options.config(harbour.hosts);
    const recorder = await runRecorder(config, cwd, log);
    stops.push(once(() => recorder.stop()));
    const running = await runEngine(config, cwd, log, settings);
    const stopEngine = once(() => running.stop());
    stops.push(stopEngine);
    return { harbour, recorder, running, stopEngine };
  };
  const { harbour, recorder, running, stopEngine } = await parts().catch(async (error) => {
    await stop();
    throw error;
  });

  const never = new Promise<never>(() => {});
  const failed = Promise.race([recorder.done, running.done].map((done) => done.then(() => never)));
  failed.catch(() => {});
  const derived = async () => {
    while (!hasAllFrames(harbour, recorder)) {
      await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, lookMs))]);
    }
    await running.derived(await recorder.sync());
  };
  return {
    harbour,
    recorder,
    running,
    failed,
    derived,
    async finished() {
      await Promise.race([failed, harbour.done]);
      await derived();
    },
    stopEngine,
    stop,
  };
}

/** Data frames that reached open connections, plus the answers to their subscriptions. */
function hasAllFrames(harbour: Harbour, recorder: RunningRecorder): boolean {
  const open = harbour.truth.connections().filter((connection) => connection.closedAtUs === undefined);
  const sent = open.reduce((sum, connection) => sum + connection.messages, 0);
  const sessions = recorder.recorder.sessions();
  if (sessions.length === 0 || sessions.some((session) => session.state !== 'subscribed')) return false;
  const held = sessions.reduce((sum, session) => sum + session.frames - 1, 0);
  return open.length === sessions.length && held >= sent;
}

function once(action: () => Promise<unknown>): () => Promise<void> {
  let running: Promise<unknown> | undefined;
  return async () => {
    running ??= action();
    await running;
  };
}
