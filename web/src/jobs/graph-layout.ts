export interface GraphNode {
  readonly name: string;
  readonly column: number;
  readonly row: number;
}

export interface GraphEdge {
  readonly from: GraphNode;
  readonly to: GraphNode;
}

export interface GraphLayout {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly columns: number;
  readonly rows: number;
}

interface Job {
  readonly name: string;
  readonly after: readonly string[];
}

/**
 * Places each job right of those that it comes after, near their rows, none upon another. An arrow that others already say
 * (a → c beside a → b → c) is not drawn. The same jobs always lie the same way.
 */
export function layoutGraph(jobs: readonly Job[]): GraphLayout {
  const names = new Set(jobs.map((job) => job.name));
  const before = new Map(jobs.map((job) => [job.name, [...new Set(job.after)].filter((name) => names.has(name))]));
  const column = columnsOf(before);
  const edges = withoutRepeats(before).filter(([from, to]) => column.get(from)! < column.get(to)!);
  const next = new Map<string, string[]>();
  const previous = new Map<string, string[]>();
  for (const [from, to] of edges) {
    next.set(from, [...(next.get(from) ?? []), to]);
    previous.set(to, [...(previous.get(to) ?? []), from]);
  }
  // What nothing comes before stands directly left of what comes after it.
  for (const [from, followers] of next)
    if (!previous.has(from)) column.set(from, Math.min(...followers.map((to) => column.get(to)!)) - 1);
  const isAlone = (name: string): boolean => !next.has(name) && !previous.has(name);
  const columns: string[][] = [];
  for (const { name } of jobs) {
    if (isAlone(name)) continue;
    const at = column.get(name)!;
    while (columns.length <= at) columns.push([]);
    columns[at]!.push(name);
  }
  const row = placeRows(columns, previous, next);
  const linkedRows = columns.length === 0 ? 0 : Math.max(...[...row.values()]) + 1;
  const nodes = new Map<string, GraphNode>();
  for (const [at, list] of columns.entries())
    for (const name of list) nodes.set(name, { name, column: at, row: row.get(name)! });
  fillAlone(
    jobs.map((job) => job.name).filter((name) => isAlone(name)),
    nodes,
    Math.max(columns.length, 6),
    linkedRows,
  );
  const placed = [...nodes.values()].sort((a, b) => a.column - b.column || a.row - b.row);
  return {
    nodes: placed,
    edges: edges.map(([from, to]) => ({ from: nodes.get(from)!, to: nodes.get(to)! })),
    columns: Math.max(1, ...placed.map((node) => node.column + 1)),
    rows: Math.max(1, ...placed.map((node) => node.row + 1)),
  };
}

/** Length of the longest way to each; what closes a circle counts as a beginning. */
function columnsOf(before: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const column = new Map<string, number>();
  const open = new Set<string>();
  const depth = (name: string): number => {
    const known = column.get(name);
    if (known !== undefined) return known;
    if (open.has(name)) return -1;
    open.add(name);
    const at = Math.max(-1, ...before.get(name)!.map(depth)) + 1;
    open.delete(name);
    column.set(name, at);
    return at;
  };
  for (const name of before.keys()) depth(name);
  return column;
}

function withoutRepeats(before: ReadonlyMap<string, readonly string[]>): [string, string][] {
  const reach = new Map<string, Set<string>>();
  const reached = (name: string): Set<string> => {
    const known = reach.get(name);
    if (known !== undefined) return known;
    const all = new Set<string>();
    reach.set(name, all);
    for (const earlier of before.get(name) ?? []) {
      all.add(earlier);
      for (const far of reached(earlier)) all.add(far);
    }
    return all;
  };
  const edges: [string, string][] = [];
  for (const [to, list] of before)
    for (const from of list)
      if (!list.some((other) => other !== from && reached(other).has(from))) edges.push([from, to]);
  return edges;
}

const passes = 6;

function placeRows(
  columns: readonly string[][],
  previous: ReadonlyMap<string, readonly string[]>,
  next: ReadonlyMap<string, readonly string[]>,
): Map<string, number> {
  const row = new Map<string, number>();
  for (const list of columns) for (const [at, name] of list.entries()) row.set(name, at);
  const height = Math.max(0, ...columns.map((list) => list.length));
  const mean = (names: readonly string[] | undefined, own: number): number =>
    names === undefined ? own : names.reduce((sum, name) => sum + row.get(name)!, 0) / names.length;
  for (let pass = 0; pass < passes; pass++) {
    const isForward = pass % 2 === 0;
    const beside = isForward ? previous : next;
    for (const list of isForward ? columns : [...columns].reverse()) {
      const wished = list
        .map((name) => ({ name, at: mean(beside.get(name), row.get(name)!), own: row.get(name)! }))
        .sort((a, b) => a.at - b.at || a.own - b.own);
      let taken = -1;
      for (const [index, { name, at }] of wished.entries()) {
        // As near to the wish as the ones before and the room for the ones after allow.
        const last = height - (wished.length - index);
        taken = Math.max(taken + 1, Math.min(Math.round(at), last));
        row.set(name, taken);
      }
    }
  }
  return row;
}

/** Jobs that nothing is tied to fill the room that is left, then rows below. */
function fillAlone(names: readonly string[], nodes: Map<string, GraphNode>, columns: number, linkedRows: number): void {
  const taken = new Set([...nodes.values()].map(({ column, row }) => `${column} ${row}`));
  let column = 0;
  let row = linkedRows === 0 ? 0 : linkedRows - 1;
  for (const name of names) {
    while (taken.has(`${column} ${row}`)) {
      column++;
      if (column >= columns) {
        column = 0;
        row++;
      }
    }
    nodes.set(name, { name, column, row });
    taken.add(`${column} ${row}`);
  }
}
