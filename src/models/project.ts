import { createHash } from 'node:crypto';
import { TidemarkError } from '../domain/error.ts';
import { tableNamed } from '../domain/tables/index.ts';
import type { Files } from '../ports/world.ts';
import { checksOf, singularCheck } from './checks.ts';
import { inOrder } from './graph.ts';
import { invalid } from './invalid.ts';
import type { Model, ModelCheck, ModelProject } from './model.ts';
import { type ProjectFiles, readFolder } from './project-files.ts';
import { type ModelProperties, readProperties } from './properties.ts';
import { reachOf } from './reach.ts';
import { baseName, meant, type Rendered, render, sourceName } from './rendering.ts';
import type { TemplateFile } from './template.ts';

const modelName = /^[a-z][a-z0-9_]{0,62}$/;
const materializations = ['incremental', 'table', 'view'];

/** A model before its place among the others is known. */
interface Draft extends Rendered {
  readonly name: string;
  readonly file: TemplateFile;
  readonly properties: ModelProperties | undefined;
}

/** Reads a folder of models, a dbt project or loose SQL files. What is wrong with one is kept as its problem and spoils no other. */
export function readProject(files: Files, folder: string): ModelProject {
  const found = readFolder(files, folder);
  const problems = new Map<string, TidemarkError>();
  const keep = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      if (!problems.has(name)) problems.set(name, error);
      return undefined;
    }
  };
  const properties = new Map<string, ModelProperties>();
  const unread: string[] = [];
  for (const file of found.properties) {
    const read = keep(file.path, () => readProperties(file));
    if (read === undefined) unread.push(file.path);
    for (const one of read ?? []) properties.set(one.name, one);
  }
  const drafts = new Map<string, Draft>();
  for (const file of found.models) {
    const name = baseName(file.path);
    keep(name, () => {
      refuseName(name, file.path, drafts.get(name)?.file.path);
      // Its tests may stand there, and without them it is not published.
      const beside = unread.find((path) => folderOf(path) === folderOf(file.path));
      if (beside !== undefined && !properties.has(name)) {
        throw invalid(file.path, `${beside}, which may describe it, cannot be read`, 'mend that file');
      }
      const rendered = render(file, found, `in_${name}`);
      if (rendered.refs.length + rendered.sources.length === 0) {
        const now = "write ref('a_model') or source('tidemark', 'a_table')";
        throw invalid(file.path, 'it refers to nothing, so nothing says when it is due', now);
      }
      drafts.set(name, { ...rendered, name, file, properties: properties.get(name) });
    });
  }
  for (const name of problems.keys()) drafts.delete(name);
  for (const one of properties.values()) {
    if (drafts.has(one.name) || problems.has(one.name)) continue;
    keep(one.path, () => {
      throw unknownModel('describe', one.name, one.path, [...drafts.keys()]);
    });
  }
  for (const draft of drafts.values()) keep(draft.name, () => refuseUnknownRefs(draft, drafts, problems));
  const { order, cycles } = inOrder([...drafts.values()]);
  for (const [name, cycle] of cycles) {
    keep(name, () => {
      throw new TidemarkError('model-cycle', {
        doing: 'order the models',
        what: drafts.get(name)!.file.path,
        why: `it refers to itself: ${cycle.join(' → ')}`,
        now: 'let one of them read a source instead',
      });
    });
  }
  const checks = new Map<string, ModelCheck[]>();
  const ordered = order.map((draft) => draft.name);
  for (const file of found.tests) {
    keep(file.path, () => {
      const check = singularCheck(file, found);
      const last = ordered.findLast((name) => check.refs.includes(name));
      for (const ref of check.refs) {
        if (!drafts.has(ref) && !problems.has(ref)) throw unknownModel('test', ref, file.path, ordered);
      }
      if (last !== undefined) checks.set(last, [...(checks.get(last) ?? []), check]);
    });
  }
  const models: Model[] = [];
  const known = new Map<string, Model>();
  for (const draft of order) {
    const broken = draft.refs.find((ref) => problems.has(ref));
    if (broken !== undefined && !problems.has(draft.name)) {
      problems.set(
        draft.name,
        new TidemarkError('model-blocked', {
          doing: 'use the model',
          what: draft.name,
          why: `it refers to ${broken}, which is broken`,
        }),
      );
    }
    if (problems.has(draft.name)) continue;
    const model = keep(draft.name, () => finished(draft, found, known, checks.get(draft.name) ?? []));
    if (model === undefined) continue;
    models.push(model);
    known.set(model.name, model);
  }
  return { name: found.name, folder, models, problems };
}

function finished(
  draft: Draft,
  files: ProjectFiles,
  known: ReadonlyMap<string, Model>,
  singular: readonly ModelCheck[],
): Model {
  const { name, file, properties, refs, sources, sql } = draft;
  const config = { ...properties?.config, ...draft.config };
  const materialized = config['materialized'] ?? 'incremental';
  if (!materializations.includes(String(materialized))) {
    throw invalid(file.path, `materialized is ${String(materialized)}`, `use one of ${materializations.join(', ')}`);
  }
  const reach = reachOf(config['meta'], file.path, [...refs, ...sources]);
  const generic = properties === undefined ? [] : checksOf(properties, files);
  const codeHash = createHash('sha256')
    .update(JSON.stringify([sql, reach, refs.map((ref) => known.get(ref)!.codeHash)]))
    .digest('hex');
  return {
    name,
    path: file.path,
    text: file.text,
    sql,
    refs,
    sources,
    reach,
    description: properties?.description ?? '',
    columns: properties?.columns ?? [],
    checks: [...generic, ...singular],
    codeHash,
  };
}

function refuseName(name: string, path: string, other: string | undefined): void {
  if (!modelName.test(name)) throw invalid(path, 'a model is named with a-z, 0-9 and _', 'rename the file');
  if (tableNamed(name) !== undefined) {
    throw invalid(path, `${name} is a table that Tidemark publishes itself`, 'rename the file');
  }
  if (other !== undefined) throw invalid(path, `${other} has the same name`, 'rename one of them');
}

function refuseUnknownRefs(
  draft: Draft,
  drafts: ReadonlyMap<string, Draft>,
  problems: ReadonlyMap<string, TidemarkError>,
): void {
  for (const ref of draft.refs) {
    if (drafts.has(ref) || problems.has(ref)) continue;
    const isTable = tableNamed(ref) !== undefined;
    if (isTable) throw invalid(draft.file.path, `${ref} is no model`, `write source('${sourceName}', '${ref}')`);
    throw unknownModel('use', ref, draft.file.path, [...drafts.keys()]);
  }
}

function unknownModel(doing: string, name: string, path: string, known: readonly string[]): TidemarkError {
  return new TidemarkError('no-such-model', {
    doing: `${doing} the model`,
    what: name,
    why: `${path} names it and there is no ${name}.sql`,
    now: meant(name, known) ?? 'write the file or mend the name',
  });
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
