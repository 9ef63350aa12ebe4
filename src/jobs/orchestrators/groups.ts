import type { JobDefinition } from '../definition.ts';
import { JobGraph } from '../graph.ts';
import type { Schedule } from '../schedule.ts';

/** Jobs that belong together: one with a schedule and those that follow it. An orchestrator runs them as one. */
export interface JobGroup {
  /** Name of its first job. */
  readonly name: string;
  readonly schedule: Schedule;
  readonly partitioning: 'none' | 'day';
  /** Each after the jobs before it; `after` names only jobs of the group. */
  readonly jobs: readonly JobDefinition[];
}

/**
 * What an orchestrator would run: every job that can run here, but upkeep, which the engine always does itself, and jobs that
 * need arguments.
 */
export function jobGroups(definitions: readonly JobDefinition[]): readonly JobGroup[] {
  const { jobs } = new JobGraph(definitions);
  const wanted = jobs.filter(
    ({ isUpkeep, notAvailable, arguments: taken }) =>
      isUpkeep !== true && notAvailable === undefined && taken === undefined,
  );
  const groupOf = new Map<string, JobDefinition[]>();
  const groups: JobDefinition[][] = [];
  for (const job of wanted) {
    const before = job.schedule.kind === 'after' ? job.after.find((name) => groupOf.has(name)) : undefined;
    const group = before === undefined ? [] : groupOf.get(before)!;
    if (before === undefined) groups.push(group);
    group.push(job);
    groupOf.set(job.name, group);
  }
  return groups.map((members) => {
    const [first] = members;
    const names = new Set(members.map(({ name }) => name));
    return {
      name: first!.name,
      schedule: first!.schedule,
      partitioning: first!.partitioning,
      jobs: members.map((job) => ({ ...job, after: job.after.filter((name) => names.has(name)) })),
    };
  });
}

/** A Python identifier. */
export function pythonName(name: string): string {
  return name.replaceAll('-', '_');
}

/** A Python string: JSON's are, in ASCII. */
export function pythonText(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function pythonList(words: readonly string[]): string {
  return `[${words.map(pythonText).join(', ')}]`;
}
