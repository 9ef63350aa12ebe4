import type { DuckDBConnection } from '@duckdb/node-api';
import { tableNamed } from '../domain/tables/index.ts';
import type { FileSpan } from '../ports/warehouse.ts';
import { ConstantValues, type Steadiness, steadinessOf } from './constant-value.ts';
import { type TreeNode, visit } from './statement-tree.ts';

/** What all rows have in common that one place of a statement reads of a table. Ends are inclusive; absent: not bounded. */
interface Scope {
  markets?: ReadonlySet<string>;
  fromDayUs?: number;
  toDayUs?: number;
  fromUs?: number;
  toUs?: number;
}

type Edge = 'from' | 'to' | 'is' | 'in';

/** A column against constants: `from` and `to` as `>=` and `<=`. */
interface Condition {
  readonly column: readonly string[];
  readonly edge: Edge;
  readonly values: readonly TreeNode[];
}

/** The tables that stand in a FROM themselves, and how many things stand there in all. */
interface From {
  readonly places: readonly { readonly node: TreeNode; readonly table: string; readonly name: string }[];
  readonly count: number;
}

const dayUs = 86_400e6;

/**
 * Which files a statement can need. Only conditions are believed that every row must meet: what AND joins in the WHERE of the
 * very SELECT that names the table, between a bare column and a constant. What is not understood narrows nothing: a file is
 * left out only when none of its rows can be in the answer.
 */
export class QueryScopes {
  /** By table, one for each place that names it. */
  readonly #scopes = new Map<string, Scope[]>();

  /** `tree`: the statement as DuckDB writes it. `connection`: its time zone is UTC; only constants are evaluated there. */
  static async of(connection: DuckDBConnection, tree: unknown): Promise<QueryScopes> {
    const scopes = new QueryScopes();
    const values = await ConstantValues.open(connection);
    const narrowed = new Map<TreeNode, Scope>();
    const selects: TreeNode[] = [];
    const named: TreeNode[] = [];
    visit(tree, (node) => {
      if (node['type'] === 'SELECT_NODE') selects.push(node);
      if (node['type'] === 'BASE_TABLE') named.push(node);
    });
    for (const select of selects) {
      const from = fromOf(select);
      const conditions = [...conjuncts(select['where_clause'])].flatMap(conditionsOf);
      for (const { node, table, name } of from?.places ?? []) {
        const scope: Scope = {};
        for (const condition of conditions) {
          const column = columnOf(condition.column, table, name, from!.count === 1);
          if (column !== undefined) await narrow(scope, column, condition, values, from!.count === 1);
        }
        narrowed.set(node, scope);
      }
    }
    for (const node of named) {
      const table = String(node['table_name']).toLowerCase();
      scopes.#scopes.set(table, [...(scopes.#scopes.get(table) ?? []), narrowed.get(node) ?? {}]);
    }
    return scopes;
  }

  /** False only when no row of the file can be in the answer. */
  needs(table: string, span: FileSpan): boolean {
    return (this.#scopes.get(table.toLowerCase()) ?? []).some((scope) => overlaps(scope, span));
  }
}

function overlaps(scope: Scope, { market, date, minTimeUs, maxTimeUs }: FileSpan): boolean {
  const { fromDayUs = -Infinity, toDayUs = Infinity, fromUs = -Infinity, toUs = Infinity } = scope;
  const dateUs = Date.parse(`${date}T00:00:00Z`) * 1000;
  const isInMarkets = scope.markets?.has(market) ?? true;
  return isInMarkets && !(dateUs < fromDayUs || dateUs > toDayUs) && maxTimeUs >= fromUs && minTimeUs <= toUs;
}

/**
 * Undefined where rows that the WHERE refuses can still change the answer: samples, and joins that choose among rows (ASOF,
 * POSITIONAL) or show only one side (SEMI, ANTI). What an outer join fills with nulls meets no condition, so that is fine.
 */
function fromOf(select: TreeNode): From | undefined {
  const places: { node: TreeNode; table: string; name: string }[] = [];
  let count = 0;
  const take = (node: TreeNode): boolean => {
    if (isThere(node['sample'])) return false;
    if (node['type'] === 'JOIN') {
      return (
        ['REGULAR', 'NATURAL', 'CROSS'].includes(String(node['ref_type'])) &&
        ['INNER', 'LEFT', 'RIGHT', 'FULL', 'OUTER'].includes(String(node['join_type'])) &&
        take(node['left'] as TreeNode) &&
        take(node['right'] as TreeNode)
      );
    }
    count++;
    if (node['type'] !== 'BASE_TABLE') return node['type'] === 'SUBQUERY' || node['type'] === 'TABLE_FUNCTION';
    const isRenamed = (node['column_name_alias'] as unknown[]).length > 0;
    if (!isRenamed && !isThere(node['at_clause'])) {
      const table = String(node['table_name']).toLowerCase();
      places.push({ node, table, name: (String(node['alias']) || table).toLowerCase() });
    }
    return true;
  };
  if (isThere(select['sample']) || !take(select['from_table'] as TreeNode)) return undefined;
  return { places, count };
}

function* conjuncts(where: unknown): Generator<TreeNode> {
  if (!isThere(where)) return;
  const node = where as TreeNode;
  if (node['type'] !== 'CONJUNCTION_AND') yield node;
  else for (const child of node['children'] as TreeNode[]) yield* conjuncts(child);
}

/** `<` as `<=`: a file is measured in whole days and by its first and last row, so that this costs a file at the most. */
const edges: Readonly<Record<string, readonly [asWritten: Edge, turned: Edge]>> = {
  COMPARE_EQUAL: ['is', 'is'],
  COMPARE_GREATERTHAN: ['from', 'to'],
  COMPARE_GREATERTHANOREQUALTO: ['from', 'to'],
  COMPARE_LESSTHAN: ['to', 'from'],
  COMPARE_LESSTHANOREQUALTO: ['to', 'from'],
};

function conditionsOf(node: TreeNode): Condition[] {
  const of = (column: unknown, edge: Edge, ...values: unknown[]): Condition[] => {
    const { type, column_names: names } = column as TreeNode;
    return type === 'COLUMN_REF' ? [{ column: names as string[], edge, values: values as TreeNode[] }] : [];
  };
  switch (node['class']) {
    case 'COMPARISON': {
      const edge = edges[String(node['type'])];
      if (edge === undefined) return [];
      const { left, right } = node;
      return [...of(left, edge[0], right), ...of(right, edge[1], left)];
    }
    case 'BETWEEN':
      if (node['type'] !== 'COMPARE_BETWEEN') return [];
      return [...of(node['input'], 'from', node['lower']), ...of(node['input'], 'to', node['upper'])];
    case 'OPERATOR': {
      const [input, ...values] = node['children'] as TreeNode[];
      return node['type'] === 'COMPARE_IN' ? of(input, 'in', ...values) : [];
    }
    default:
      return [];
  }
}

type ScopeColumn = 'market' | 'date' | 'time';

/** Without a table's name a column is only known to be of this one where nothing stands beside it. */
function columnOf(names: readonly string[], table: string, name: string, isAlone: boolean): ScopeColumn | undefined {
  const [first, second, ...more] = names.map((part) => part.toLowerCase());
  const spec = tableNamed(table);
  if (spec === undefined || more.length > 0) return undefined;
  if (second === undefined ? !isAlone : first !== name) return undefined;
  const column = second ?? first;
  if (column === 'market' || column === 'date') return column;
  return column === spec.timeColumn ? 'time' : undefined;
}

async function narrow(
  scope: Scope,
  column: ScopeColumn,
  { edge, values }: Condition,
  known: ConstantValues,
  isAlone: boolean,
): Promise<void> {
  const kinds: (Steadiness | undefined)[] = values.map((value) => steadinessOf(value, isAlone));
  if (kinds.includes(undefined) || values.length === 0) return;
  const isSteady = kinds.every((kind) => kind === 'fixed');
  if (column === 'market') {
    if (!isSteady || (edge !== 'is' && edge !== 'in')) return;
    const texts = await Promise.all(values.map((value) => known.text(value)));
    if (texts.includes(undefined)) return;
    const { markets } = scope;
    scope.markets = new Set(texts.filter((text) => markets?.has(text!) ?? true) as string[]);
    return;
  }
  const found = await Promise.all(
    values.map((value) => (column === 'date' ? known.dateUs(value) : known.timeUs(value))),
  );
  if (found.includes(undefined)) return;
  const instants = (found as number[]).map((us) => (column === 'date' ? Math.floor(us / dayUs) * dayUs : us));
  const [fromKey, toKey] = column === 'date' ? (['fromDayUs', 'toDayUs'] as const) : (['fromUs', 'toUs'] as const);
  // A clock has moved on when the statement runs: what it bounds from above is not known yet.
  if (edge !== 'to') scope[fromKey] = Math.max(scope[fromKey] ?? -Infinity, Math.min(...instants));
  if (edge !== 'from' && isSteady) scope[toKey] = Math.min(scope[toKey] ?? Infinity, Math.max(...instants));
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined;
}
