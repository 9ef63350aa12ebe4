import type { Profiler } from 'node:inspector';

/** Folders of `src/` by the stage that they are counted to. */
const stageOf: Readonly<Record<string, string>> = {
  journal: 'journal',
  world: 'journal',
  sources: 'decode',
  ledger: 'ledger',
  book: 'books',
  candles: 'candles',
  lake: 'lake',
  catalog: 'lake',
  blobs: 'lake',
  pipeline: 'glue',
  domain: 'glue',
};

/**
 * Share of each stage in the wall time, from a profile of the main thread: time in our own code and in what it called. The
 * main thread waits while DuckDB sorts and writes on its own threads; how much processor time those took is told apart.
 */
export function stageShares(profile: Profiler.Profile, cpuMs: number, wallMs: number): Record<string, number> {
  const parent = new Map<number, Profiler.ProfileNode>();
  const byId = new Map<number, Profiler.ProfileNode>();
  for (const node of profile.nodes) {
    byId.set(node.id, node);
    for (const child of node.children ?? []) parent.set(child, node);
  }
  const stageOfNode = (node: Profiler.ProfileNode): string => {
    for (let at: Profiler.ProfileNode | undefined = node; at !== undefined; at = parent.get(at.id)) {
      const { url, functionName } = at.callFrame;
      if (functionName === '(idle)') return 'waiting';
      if (functionName === '(garbage collector)') return 'garbage collection';
      const folder = /\/src\/([a-z]+)\//.exec(url)?.[1];
      if (folder !== undefined) return stageOf[folder] ?? 'other';
      if (url.includes('@duckdb')) return 'lake';
    }
    return 'other';
  };
  const us: Record<string, number> = {};
  let total = 0;
  profile.samples?.forEach((id, i) => {
    const stage = stageOfNode(byId.get(id)!);
    const delta = profile.timeDeltas?.[i] ?? 0;
    us[stage] = (us[stage] ?? 0) + delta;
    total += delta;
  });
  const shares: Record<string, number> = {};
  for (const [stage, spent] of Object.entries(us)) shares[stage] = spent / total;
  const busyMs = (total - (us['waiting'] ?? 0)) / 1000;
  shares['processor time of other threads'] = Math.max(0, cpuMs - busyMs) / wallMs;
  return shares;
}
