import { tableNamed } from '../domain/tables/index.ts';
import type { DataFile } from '../ports/catalog.ts';
import type { Lake } from '../ports/lake.ts';
import type { Files } from '../ports/world.ts';
import type { ModelRow, ModelsAnswer } from '../protocol/models.ts';
import { documentModels } from './document.ts';
import type { Model, ModelProject } from './model.ts';
import { readProject } from './project.ts';

/** The models as people and programs look at them. */
export interface ModelLibrary {
  describe(): Promise<ModelsAnswer>;
  /** One page that stands alone. */
  page(): Promise<string>;
}

/** Reads the folder anew each time: a file that was added is there. */
export function openModelLibrary(files: Files, folder: string, lake: Pick<Lake, 'state'>): ModelLibrary {
  const look = async (): Promise<[ModelProject, readonly DataFile[]]> => {
    const state = await lake.state();
    return [readProject(files, folder), state.files.filter((file) => tableNamed(file.table) === undefined)];
  };
  return {
    describe: async () => {
      const [project, published] = await look();
      return {
        models: project.models.map((model) => rowOf(model, published)),
        problems: [...project.problems].map(([name, { code, message }]) => ({ name, code, message })),
      };
    },
    page: async () => documentModels(...(await look())),
  };
}

function rowOf(model: Model, published: readonly DataFile[]): ModelRow {
  const files = published.filter((file) => file.table === model.name);
  const dates = files.map((file) => file.date).sort();
  return {
    name: model.name,
    path: model.path,
    description: model.description,
    reads: [...model.sources, ...model.refs],
    columns: model.columns.map(({ name, type, description }) => ({ name, type: type ?? null, description })),
    tests: model.checks.map(({ name, column, severity }) => ({ name, column: column ?? null, severity })),
    sql: model.text,
    days: new Set(dates).size,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    newestDate: dates.at(-1) ?? null,
  };
}
