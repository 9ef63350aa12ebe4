import type { JobDefinition } from '../definition.ts';
import { type JobGroup, jobGroups, pythonList, pythonName, pythonText } from './groups.ts';

/** A file of Airflow DAGs that run the same commands. `command` is what `tidemark` is here, word by word. */
export function airflowFile(definitions: readonly JobDefinition[], command: readonly string[]): string {
  const groups = jobGroups(definitions);
  return `"""Tidemark's jobs as Airflow DAGs, written by "tidemark jobs export airflow".

Each task asks the running engine for one run and waits for it. So that the engine's own scheduler leaves them alone, set in
tidemark.yaml:

    jobs:
      scheduler: external
"""

import shlex
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

# The command that is "tidemark" where these tasks run.
TIDEMARK = ${pythonList(command)}

# The UTC day that a daily run is about: the one that was over when the run was due.
DAY = "{{ data_interval_start.strftime('%Y-%m-%d') }}"

START = datetime(2020, 1, 1, tzinfo=timezone.utc)


def job(name, *arguments, retries, retry_delay_s, timeout_s):
    words = [*TIDEMARK, "jobs", "run", name, *arguments, "--attempts", "1", "--wait"]
    return BashOperator(
        task_id=name,
        bash_command=" ".join(word if word == DAY else shlex.quote(word) for word in words),
        append_env=True,
        retries=retries,
        retry_delay=timedelta(seconds=retry_delay_s),
        retry_exponential_backoff=True,
        execution_timeout=timedelta(seconds=timeout_s),
    )


${groups.map(dagOf).join('\n\n')}
`;
}

function dagOf(group: JobGroup): string {
  const { name, jobs } = group;
  const tasks = jobs.map((job) => `    ${pythonName(job.name)} = ${taskOf(job)}`);
  const edges = jobs
    .filter(({ after }) => after.length > 0)
    .map(({ name: job, after }) => `    [${after.map(pythonName).join(', ')}] >> ${pythonName(job)}`);
  return `with DAG(
    dag_id=${pythonText(`tidemark_${pythonName(name)}`)},
    description=${pythonText(jobs[0]!.description)},
    schedule=${scheduleOf(group)},
    start_date=START,
    catchup=False,
    max_active_runs=1,
    tags=["tidemark"],
):
${[...tasks, ...edges].join('\n')}`;
}

function taskOf({ name, partitioning, schedule, maxAttempts, retryDelayMs, timeoutMs }: JobDefinition): string {
  const day = partitioning === 'day' ? ['"--day"', 'DAY'] : [];
  const settled = schedule.kind === 'settled' ? ['"--when-settled"'] : [];
  const numbers = [
    `retries=${maxAttempts - 1}`,
    `retry_delay_s=${retryDelayMs / 1000}`,
    `timeout_s=${timeoutMs / 1000}`,
  ];
  return `job(${[pythonText(name), ...day, ...settled, ...numbers].join(', ')})`;
}

function scheduleOf({ schedule, partitioning }: JobGroup): string {
  switch (schedule.kind) {
    case 'cron':
      return partitioning === 'day'
        ? `CronDataIntervalTimetable(${pythonText(schedule.expression)}, timezone=${pythonText(schedule.zone)})`
        : `CronTriggerTimetable(${pythonText(schedule.expression)}, timezone=${pythonText(schedule.zone)})`;
    case 'interval':
      return `timedelta(seconds=${schedule.everyMs / 1000})`;
    case 'settled':
      // The run begins when the day is over and is held until it is settled.
      return 'CronDataIntervalTimetable("0 0 * * *", timezone="UTC")';
    case 'after':
    case 'asked':
      return 'None';
  }
}
