interface Node {
  readonly name: string;
  readonly refs: readonly string[];
}

/** Each node after those that it refers to, by name where there is a choice; and one way round of each that refers to itself. */
export function inOrder<T extends Node>(
  nodes: readonly T[],
): { order: readonly T[]; cycles: ReadonlyMap<string, readonly string[]> } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const order: T[] = [];
  const cycles = new Map<string, readonly string[]>();
  const done = new Set<string>();
  const visit = (node: T, path: readonly string[]): void => {
    if (done.has(node.name)) return;
    const at = path.indexOf(node.name);
    if (at >= 0) {
      const cycle = path.slice(at);
      for (const name of cycle) if (!cycles.has(name)) cycles.set(name, [...cycle, node.name]);
      return;
    }
    for (const ref of [...node.refs].sort()) {
      const next = byName.get(ref);
      if (next !== undefined) visit(next, [...path, node.name]);
    }
    if (done.has(node.name)) return;
    done.add(node.name);
    order.push(node);
  };
  for (const node of nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(node, []);
  return { order, cycles };
}

/** The names of those that refer to any of `names`, near or far, and these themselves. */
export function withFollowers(nodes: readonly Node[], names: ReadonlySet<string>): Set<string> {
  const found = new Set(names);
  for (const node of inOrder(nodes).order) {
    if (node.refs.some((ref) => found.has(ref))) found.add(node.name);
  }
  return found;
}

/** The names that any of `names` refers to, near or far, and these themselves. */
export function withAncestors(nodes: readonly Node[], names: ReadonlySet<string>): Set<string> {
  const found = new Set(names);
  for (const node of inOrder(nodes).order.toReversed()) {
    if (found.has(node.name)) for (const ref of node.refs) found.add(ref);
  }
  return found;
}
