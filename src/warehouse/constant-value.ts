import type { DuckDBConnection } from '@duckdb/node-api';
import { type SerializedStatements, serialized, type TreeNode } from './statement-tree.ts';

/** `fixed`: the same whenever it is asked. `clock`: an instant that only grows. */
export type Steadiness = 'fixed' | 'clock';

const clocks = new Set([
  'now', 'today', 'current_date', 'current_timestamp', 'get_current_timestamp', 'transaction_timestamp',
]); // biome-ignore format: a list
const intervals = /^to_(years|months|weeks|days|hours|minutes|seconds|milliseconds|microseconds)$/;
const steadyFunctions = new Set(['trunc', 'make_date', 'make_timestamp', 'make_timestamptz']);
const instantTypes = new Set(['DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE']);

/**
 * Undefined for whatever is not surely a constant, or not surely growing with the clock. `isAlone`: a word without brackets is
 * a column of the one table that is there, or a clock.
 */
export function steadinessOf(node: TreeNode, isAlone: boolean): Steadiness | undefined {
  switch (node['class']) {
    case 'CONSTANT':
      return isExact((node['value'] as TreeNode)['value']) ? 'fixed' : undefined;
    case 'CAST': {
      const of = steadinessOf(node['child'] as TreeNode, isAlone);
      const { id } = node['cast_type'] as { id?: string };
      return of === 'clock' && !instantTypes.has(String(id)) ? undefined : of;
    }
    case 'COLUMN_REF': {
      const [name, ...more] = node['column_names'] as string[];
      return isAlone && more.length === 0 && clocks.has(name!.toLowerCase()) ? 'clock' : undefined;
    }
    case 'FUNCTION':
      return steadinessOfCall(node, isAlone);
    default:
      return undefined;
  }
}

/** Whether a value came through JSON as it was written. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) || !Number.isInteger(value);
  return typeof value !== 'object' || value === null;
}

function steadinessOfCall(node: TreeNode, isAlone: boolean): Steadiness | undefined {
  if (node['schema'] !== '' || node['catalog'] !== '' || node['filter'] !== null || node['distinct'] !== false)
    return undefined;
  const name = String(node['function_name']).toLowerCase();
  const children = node['children'] as TreeNode[];
  const [first, second, ...more] = children.map((child) => steadinessOf(child, isAlone));
  if (clocks.has(name)) return children.length === 0 ? 'clock' : undefined;
  if (intervals.test(name) || steadyFunctions.has(name))
    return children.every((child) => steadinessOf(child, isAlone) === 'fixed') ? 'fixed' : undefined;
  if (more.length > 0) return undefined;
  if (name === 'date_trunc') return first === 'fixed' ? second : undefined;
  if (name === '-' && children.length === 1) return first === 'fixed' ? 'fixed' : undefined;
  if ((name !== '+' && name !== '-') || children.length !== 2) return undefined;
  if (first === 'fixed' && second === 'fixed') return 'fixed';
  return first === 'clock' && second === 'fixed' ? 'clock' : undefined;
}

/** The values of constants, as DuckDB sees them; undefined for none, for null and for what has no place in time. */
export class ConstantValues {
  readonly #connection: DuckDBConnection;
  readonly #template: SerializedStatements;

  private constructor(connection: DuckDBConnection, template: SerializedStatements) {
    this.#connection = connection;
    this.#template = template;
  }

  static async open(connection: DuckDBConnection): Promise<ConstantValues> {
    return new ConstantValues(connection, await serialized(connection, 'SELECT 1'));
  }

  text(node: TreeNode): Promise<string | undefined> {
    return this.#value(node, "CASE typeof(x) WHEN 'VARCHAR' THEN CAST(x AS VARCHAR) END");
  }

  timeUs(node: TreeNode): Promise<number | undefined> {
    return this.#micros(node, 'TIMESTAMPTZ');
  }

  /** Against a column of days, text is read as a day; all else is an instant. */
  async dateUs(node: TreeNode): Promise<number | undefined> {
    const type = await this.#value(node, 'typeof(x)');
    return this.#micros(node, type === 'VARCHAR' ? 'DATE' : 'TIMESTAMPTZ');
  }

  async #micros(node: TreeNode, type: string): Promise<number | undefined> {
    const us = Number((await this.#value(node, `epoch_us(CAST(x AS ${type}))`)) ?? Number.NaN);
    return Number.isSafeInteger(us) ? us : undefined;
  }

  async #value(node: TreeNode, expression: string): Promise<string | undefined> {
    const statement = this.#template.statements![0]!;
    const select = { ...(statement['node'] as TreeNode), select_list: [node] };
    const tree = { ...this.#template, statements: [{ ...statement, node: select }] };
    // Its largest value says "nowhere", which a number of ours does not hold.
    const json = JSON.stringify(tree, (key, value: unknown) => (key === 'query_location' ? 0 : value));
    try {
      const text = await this.#connection.runAndReadAll('SELECT json_deserialize_sql(?::VARCHAR::JSON)', [json]);
      const constant = String(text.getRows()[0]![0]).replace(/;\s*$/, '');
      const reader = await this.#connection.runAndReadAll(
        `SELECT CAST(${expression} AS VARCHAR) FROM (${constant}) AS constant(x)`,
      );
      const [value] = reader.getRows()[0] ?? [];
      return value === null || value === undefined ? undefined : String(value);
    } catch {
      // The statement itself says what is wrong with it.
      return undefined;
    }
  }
}
