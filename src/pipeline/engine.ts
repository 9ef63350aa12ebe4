import type { CatalogState } from '../ports/catalog.ts';
import type { IcebergTables } from '../ports/iceberg.ts';
import type { JournalPosition, JournalReader, JournalWriter } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';
import type { Logger } from '../ports/log.ts';
import type { Source, VenueHosts } from '../ports/source.ts';
import type { Warehouse } from '../ports/warehouse.ts';
import type { World } from '../ports/world.ts';
import type { CommitOptions } from './committer.ts';
import { Committer, parseCheckpoint } from './committer.ts';
import { Derivation } from './derivation.ts';
import { Follower } from './follower.ts';
import { giveWay } from './give-way.ts';
import { Governor } from './governor.ts';
import { Hub } from './hub.ts';
import { Market } from './market.ts';
import type { MarketView } from './market-view.ts';
import type { PlanSubject } from './plan-keeper.ts';
import { PlanKeeper } from './plan-keeper.ts';
import type { Shipping } from './shipping.ts';
import { TailFiles } from './tail-files.ts';
import { type Upkeep, upkeepOf } from './upkeep.ts';
import { wants } from './wants.ts';

export interface EngineOptions {
  readonly world: World;
  readonly source: Source;
  readonly lake: Lake;
  readonly warehouse: Warehouse;
  readonly readers: readonly JournalReader[];
  /** The engine's own journal: REST answers. */
  readonly journal: JournalWriter;
  readonly hosts: VenueHosts;
  /** File that the recorder follows. */
  readonly planFile: string;
  readonly subject: PlanSubject;
  readonly commit: CommitOptions;
  /** Compresses closed segments of a journal that lie wholly before this one; how many. */
  readonly compressBefore: (writer: string, segment: number) => Promise<number>;
  /** Copies the journals elsewhere; started here, stopped by who made it, once the journals are closed. */
  readonly shipping?: Shipping | undefined;
  /** Publishes the lake's tables for other engines. */
  readonly iceberg?: IcebergTables | undefined;
  /** Scratch folder for query tails. */
  readonly scratchFolder: string;
  readonly version: string;
  readonly seed: number | null;
  readonly log: Logger;
}

export interface Engine {
  readonly view: MarketView;
  readonly upkeep: Upkeep;
  /** The next record to derive, by journal. */
  readonly positions: readonly JournalPosition[];
  /** Rejects when the engine can not go on; resolves after `stop`. */
  readonly done: Promise<void>;
  /** Commits what is synced and ends. */
  stop(): Promise<void>;
}

const tickMs = 100;
const wantsMs = 200;
const heartbeatMs = 1000;

/** Opens the lake, resumes at its last commit and follows the journals until stopped. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { world, source, lake, log } = options;
  const state = await lake.open();
  const derivation = new Derivation(source);
  const market = new Market(derivation, {
    lake,
    warehouse: options.warehouse,
    iceberg: options.iceberg,
    tailFiles: new TailFiles(world.files, options.scratchFolder),
    clock: world.clock,
    version: options.version,
    seed: options.seed,
    startedAtUs: world.clock.wallUs(),
  });
  await resume(derivation, market, state);
  const committer = new Committer(lake, derivation, state.version, options.commit);
  const follower = new Follower(options.readers, derivation, state.positions);
  const governor = new Governor({ world, source, hosts: options.hosts, journal: options.journal, log });
  const hub = new Hub(derivation, market);
  const planKeeper = new PlanKeeper(world.files, options.planFile, source, options.subject);
  market.attach({ committer, follower, governor, hub, shipping: options.shipping });
  derivation.live = hub;
  const keepPlan = () => {
    const plan = planKeeper.keep(derivation.clock.offsetUs);
    if (plan === undefined) return;
    // In this journal too: what its answers mean for candles depends on what was planned when they came.
    options.journal.append({
      kind: recordKinds.plan,
      session: 0,
      receivedAtUs: world.clock.wallUs(),
      monotonicUs: world.clock.monotonicUs(),
      payload: new TextEncoder().encode(JSON.stringify(plan)),
    });
  };
  keepPlan();
  options.shipping?.start();
  log.info({ catalogVersion: state.version }, 'engine resumed');

  let failure: unknown;
  let isStopping = false;
  let isPlanKept = true;
  const cancels = [
    world.timers.every(tickMs, () => hub.tick()),
    world.timers.every(heartbeatMs, () => hub.heartbeat()),
    world.timers.every(wantsMs, () => {
      try {
        keepPlan();
        isPlanKept = true;
      } catch (error) {
        // A full disk, mostly: the recorder goes on with the plan that it has.
        if (isPlanKept) log.error({ error: String(error) }, 'the plan cannot be written; it is tried again');
        isPlanKept = false;
      }
      for (const want of wants(derivation)) governor.ask(want.key, want.request);
    }),
  ];
  const end = () => {
    for (const cancel of cancels.splice(0)) cancel();
    governor.stop();
  };
  const following = follower
    .run({
      afterBlock: async (block) => {
        hub.derived(block);
        if (committer.isDue) await committer.commit(follower.positions, follower.untilSynced());
      },
      synced: (block) => hub.synced(block),
      giveWay: () => giveWay(world.timers),
    })
    .catch((error) => {
      failure = error;
      end();
    });
  const done = following.then(async () => {
    if (failure !== undefined && !isStopping) throw failure;
  });
  done.catch(() => {});
  return {
    view: market,
    upkeep: upkeepOf({
      lake,
      compressBefore: options.compressBefore,
      committedPositions: () => committer.committedPositions,
      noteFiles: (files) => {
        committer.files = files.length;
        committer.bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      },
    }),
    get positions() {
      return follower.positions;
    },
    done,
    stop: async () => {
      isStopping = true;
      end();
      follower.stop();
      await following;
      if (failure === undefined && (await follower.settle())) await committer.commit(follower.positions);
      await committer.settled();
    },
  };
}

/** Brings derivation and candles to the state of the lake's last commit. */
export async function resume(
  derivation: Derivation,
  market: Market,
  state: CatalogState & { checkpointBytes: Uint8Array | undefined },
): Promise<void> {
  if (state.checkpointBytes === undefined) return;
  derivation.load(parseCheckpoint(state.checkpointBytes));
  await market.loadCandles();
}
