import { TidemarkError } from '../domain/error.ts';
import { dateOf } from '../domain/interval.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import { startOf } from './due.ts';
import { withFollowers } from './graph.ts';
import type { ModelProject } from './model.ts';

/** Names of the models that are asked for: `name`, or `name+` with all that refer to it. */
export function selected(project: ModelProject, select: readonly string[] | undefined): ReadonlySet<string> {
  const names = project.models.map((model) => model.name);
  if (select === undefined || select.length === 0) return new Set(names);
  const asked = new Set<string>();
  for (const one of select) {
    const name = one.replace(/\+$/, '');
    const problem = project.problems.get(name);
    if (problem !== undefined) throw problem;
    if (!names.includes(name)) {
      const near = nearestWord(name, names);
      throw new TidemarkError('no-such-model', {
        doing: 'run the model',
        what: name,
        why: `there is no ${name}.sql in ${project.folder}`,
        now: near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`,
      });
    }
    const wanted = one.endsWith('+') ? withFollowers(project.models, new Set([name])) : [name];
    for (const each of wanted) asked.add(each);
  }
  return asked;
}

export function refuseNoDay(day: string): void {
  // The 30th of February would read as the 2nd of March.
  if (/^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(startOf(day)) && dateOf(startOf(day)) === day) return;
  throw new TidemarkError('bad-time', {
    doing: 'use the day',
    what: day,
    why: 'it is no day',
    now: 'write it like 2026-01-31',
  });
}
