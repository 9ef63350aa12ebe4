import { nearestWord } from '../domain/nearest-word.ts';
import { sqlName } from '../domain/table-sql.ts';
import { tableNamed, tables } from '../domain/tables/index.ts';
import { invalid } from './invalid.ts';
import type { ProjectFiles } from './project-files.ts';
import { renderTemplate, type TemplateContext, type TemplateFile } from './template.ts';

export const sourceName = 'tidemark';

/** What rendering a file told of it. */
export interface Rendered {
  readonly sql: string;
  readonly refs: readonly string[];
  readonly sources: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
}

/** Renders a file; what it refers to is named in `schema`. */
export function render(
  file: TemplateFile,
  project: ProjectFiles,
  schema: string,
  extra: TemplateContext = {},
): Rendered {
  const refs = new Set<string>();
  const sources = new Set<string>();
  let config: Record<string, unknown> = {};
  const fail = (why: string, now?: string): never => {
    throw invalid(file.path, why, now);
  };
  const sql = renderTemplate(file, project.macros, {
    ref: (...names: unknown[]) => {
      const name = String(names.filter((one) => typeof one === 'string').at(-1) ?? '');
      refs.add(name);
      return `${sqlName(schema)}.${sqlName(name)}`;
    },
    source: (from: unknown, table: unknown) => {
      const name = String(table);
      if (from !== sourceName) fail(`there is no source ${String(from)}`, `the source is called ${sourceName}`);
      if (tableNamed(name) === undefined) {
        fail(
          `${sourceName} has no table ${name}`,
          meant(
            name,
            tables.map((one) => one.name),
          ) ?? 'see the dictionary',
        );
      }
      sources.add(name);
      return `${sqlName(schema)}.${sqlName(name)}`;
    },
    config: (given: unknown) => {
      config = { ...config, ...(given as Record<string, unknown>) };
      return '';
    },
    var: (name: unknown, otherwise: unknown) => {
      const value = project.vars[String(name)] ?? otherwise;
      return value === undefined ? fail(`there is no variable ${String(name)}`, 'set it in dbt_project.yml') : value;
    },
    env_var: (name: unknown, otherwise: unknown) =>
      otherwise ?? fail(`it asks for the environment variable ${String(name)}`, 'models see no environment'),
    // The runner cuts the inputs to what is due by itself.
    is_incremental: () => false,
    this: `${sqlName(schema)}.${sqlName('this')}`,
    target: { name: sourceName, type: 'duckdb', schema: 'main' },
    execute: true,
    log: () => '',
    ...extra,
  });
  return { sql: sql.trim(), refs: [...refs], sources: [...sources], config };
}

export function meant(name: string, known: readonly string[]): string | undefined {
  const near = nearestWord(name, known);
  return near === undefined ? undefined : `did you mean ${near}?`;
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.sql$/, '');
}
