import type { JobDefinition } from '../definition.ts';
import { type JobGroup, jobGroups, pythonList, pythonName, pythonText } from './groups.ts';

/** A file of Prefect flows that run the same commands. `command` is what `tidemark` is here, word by word. */
export function prefectFile(definitions: readonly JobDefinition[], command: readonly string[]): string {
  const groups = jobGroups(definitions);
  return `"""Tidemark's jobs as Prefect flows, written by "tidemark jobs export prefect".

Each task asks the running engine for one run and waits for it. "python tidemark_flows.py" serves all flows by their
schedules. So that the engine's own scheduler leaves them alone, set in tidemark.yaml:

    jobs:
      scheduler: external
"""

import subprocess
from datetime import datetime, timedelta, timezone

from prefect import flow, runtime, serve, task
from prefect.cache_policies import NO_CACHE
from prefect.schedules import Cron, Interval
from prefect.tasks import exponential_backoff

# The command that is "tidemark" where these flows run.
TIDEMARK = ${pythonList(command)}


@task(cache_policy=NO_CACHE)
def run_job(name, arguments):
    words = [*TIDEMARK, "jobs", "run", name, *arguments, "--attempts", "1", "--wait"]
    ended = subprocess.run(words, capture_output=True, text=True)
    print(ended.stderr, end="")
    print(ended.stdout, end="")
    if ended.returncode != 0:
        raise RuntimeError(f"{name} ended with {ended.returncode}: {(ended.stderr or ended.stdout)[-1000:]}")


def job(name, *arguments, after=(), retries, retry_delay_s, timeout_s):
    with_options = run_job.with_options(
        name=name,
        task_run_name=name,
        retries=retries,
        retry_delay_seconds=exponential_backoff(backoff_factor=retry_delay_s),
        retry_jitter_factor=0.5,
        timeout_seconds=timeout_s,
    )
    return with_options.submit(name, list(arguments), wait_for=list(after))


def day_before_schedule():
    """The UTC day that was over when this run was due."""
    due = runtime.flow_run.scheduled_start_time or datetime.now(timezone.utc)
    return (due.astimezone(timezone.utc) - timedelta(days=1)).strftime("%Y-%m-%d")


${groups.map(flowOf).join('\n\n\n')}


if __name__ == "__main__":
    serve(
${groups.map((group) => `        ${pythonName(group.name)}_flow.to_deployment(name="tidemark", ${scheduleOf(group)}concurrency_limit=1),`).join('\n')}
    )
`;
}

function flowOf({ name, partitioning, jobs }: JobGroup): string {
  const isDaily = partitioning === 'day';
  const tasks = jobs.map((job) => `    ${pythonName(job.name)} = ${taskOf(job)}`);
  return `@flow(name=${pythonText(`tidemark-${name}`)}, log_prints=True)
def ${pythonName(name)}_flow(${isDaily ? 'day: str | None = None' : ''}):
    ${pythonText(jobs[0]!.description)}
${isDaily ? '    day = day or day_before_schedule()\n' : ''}${tasks.join('\n')}
    for future in [${jobs.map((job) => pythonName(job.name)).join(', ')}]:
        future.result()`;
}

function taskOf(job: JobDefinition): string {
  const { name, partitioning, schedule, after, maxAttempts, retryDelayMs, timeoutMs } = job;
  const day = partitioning === 'day' ? ['"--day"', 'day'] : [];
  const settled = schedule.kind === 'settled' ? ['"--when-settled"'] : [];
  const before = after.length === 0 ? [] : [`after=[${after.map(pythonName).join(', ')}]`];
  const numbers = [
    `retries=${maxAttempts - 1}`,
    `retry_delay_s=${retryDelayMs / 1000}`,
    `timeout_s=${timeoutMs / 1000}`,
  ];
  return `job(${[pythonText(name), ...day, ...settled, ...before, ...numbers].join(', ')})`;
}

function scheduleOf({ schedule }: JobGroup): string {
  switch (schedule.kind) {
    case 'cron':
      return `schedule=Cron(${pythonText(schedule.expression)}, timezone=${pythonText(schedule.zone)}), `;
    case 'interval':
      return `schedule=Interval(timedelta(seconds=${schedule.everyMs / 1000}), timezone="UTC"), `;
    case 'settled':
      return 'schedule=Cron("0 0 * * *", timezone="UTC"), ';
    case 'after':
    case 'asked':
      return '';
  }
}
