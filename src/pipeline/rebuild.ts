import type { JournalReader } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';
import type { Source } from '../ports/source.ts';
import type { Timers } from '../ports/world.ts';
import type { CommitOptions } from './committer.ts';
import { Committer, parseCheckpoint } from './committer.ts';
import { Derivation } from './derivation.ts';
import { Follower } from './follower.ts';
import { giveWay } from './give-way.ts';

export interface RebuildOptions {
  readonly source: Source;
  readonly lake: Lake;
  /** In the order in which they are read; the result does not depend on it. */
  readonly readers: readonly JournalReader[];
  readonly commit: CommitOptions;
  /** Without them nothing else in the process gets on until it is done. */
  readonly timers?: Timers;
}

/** Derives everything from the journals, from where the lake stands (an empty one: from their start) to their synced end. */
export async function rebuild(options: RebuildOptions): Promise<Derivation> {
  const { lake, source } = options;
  const state = await lake.open();
  const derivation = new Derivation(source);
  if (state.checkpointBytes !== undefined) derivation.load(parseCheckpoint(state.checkpointBytes));
  const committer = new Committer(lake, derivation, state.version, options.commit);
  const follower = new Follower(options.readers, derivation, state.positions);
  const hooks = {
    afterBlock: async () => {
      if (committer.isDue) await committer.commit(follower.positions);
    },
    synced: () => {},
    giveWay: async () => {
      if (options.timers !== undefined) await giveWay(options.timers);
    },
  };
  await follower.run(hooks, true);
  await committer.commit(follower.positions);
  await committer.settled();
  return derivation;
}
