import type { DataFile } from '../ports/catalog.ts';
import type { ModelProject } from './model.ts';

export function documentModels(project: ModelProject, files: readonly DataFile[]): string {
  return `${project.name} ${files.length}`;
}
