import { dateOf, dayUs } from '../domain/interval.ts';
import type { JobChange, StoredRun } from '../ports/job-store.ts';
import type { Logger } from '../ports/log.ts';
import type { Clock } from '../ports/world.ts';
import type { JobDefinition } from './definition.ts';
import type { NewRuns } from './new-runs.ts';
import type { JobRecord } from './record.ts';
import { type CronSchedule, daysOwed, nextCronUs, spanText } from './schedule.ts';
import type { Settlement } from './settled-days.ts';

/** Which jobs run by their schedules: `upkeep` where an orchestrator asks for the others. */
export type OwnSchedules = 'all' | 'upkeep' | 'none';

/** A clock that was ahead by more than this was wrong, and is right now. */
const wrongClockUs = dayUs;
const mostDaysOwed = 400;

/** Makes the runs that schedules owe: at their instants, for settled days, and after the jobs before them. */
export class DueRuns {
  readonly #record: JobRecord;
  readonly #newRuns: NewRuns;
  readonly #settlement: Settlement;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ownSchedules: OwnSchedules;
  /** By job and the cursor that it was found from. */
  readonly #nextCron = new Map<string, { readonly cursorUs: number | null; readonly atUs: number | null }>();
  /** By job; instants of the monotonic clock. */
  readonly #intervalDueUs = new Map<string, number>();

  constructor(
    record: JobRecord,
    options: {
      readonly newRuns: NewRuns;
      readonly settlement: Settlement;
      readonly clock: Clock;
      readonly log: Logger;
      readonly ownSchedules: OwnSchedules;
    },
  ) {
    this.#record = record;
    this.#newRuns = options.newRuns;
    this.#settlement = options.settlement;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#ownSchedules = options.ownSchedules;
  }

  /** When its schedule makes the next run, by the wall clock; null where that is not an instant. */
  nextAtUs(job: JobDefinition): number | null {
    if (!this.#isScheduled(job)) return null;
    if (job.schedule.kind === 'cron') return this.#nextCronUs(job.name, job.schedule);
    const dueUs = this.#intervalDueUs.get(job.name);
    return dueUs === undefined ? null : this.#clock.wallUs() + Math.max(0, dueUs - this.#clock.monotonicUs());
  }

  /** When time alone makes the next run, by the monotonic clock; infinite where it never does. */
  get nextDueUs(): number {
    const nowUs = this.#clock.monotonicUs();
    let dueUs = Number.POSITIVE_INFINITY;
    for (const job of this.#record.graph.jobs) {
      if (!this.#isScheduled(job)) continue;
      if (job.schedule.kind === 'cron') {
        const atUs = this.#nextCronUs(job.name, job.schedule);
        if (atUs !== null) dueUs = Math.min(dueUs, nowUs + (atUs - this.#clock.wallUs()));
      } else {
        dueUs = Math.min(dueUs, this.#intervalDueUs.get(job.name) ?? dueUs);
      }
    }
    return dueUs;
  }

  /** An interval goes on from where the record says that it was; nothing of it is due before `leastMs` from now. */
  armInterval(job: JobDefinition, leastMs: number): void {
    if (job.schedule.kind !== 'interval') return;
    const everyUs = job.schedule.everyMs * 1000;
    const cursorUs = this.#record.cursorUs(job.name) ?? this.#clock.wallUs();
    const leftUs = Math.min(everyUs, Math.max(0, cursorUs + everyUs - this.#clock.wallUs()));
    const waitUs = Math.max(leftUs, Math.min(everyUs, leastMs * 1000));
    this.#intervalDueUs.set(job.name, this.#clock.monotonicUs() + waitUs);
  }

  async make(): Promise<void> {
    const nowUs = this.#clock.wallUs();
    for (const job of this.#record.graph.jobs) {
      if (!this.#isScheduled(job)) continue;
      const { schedule } = job;
      if (schedule.kind === 'interval') await this.#makeOfInterval(job, schedule.everyMs, nowUs);
      else if (schedule.kind === 'cron') await this.#makeOfCron(job, schedule, nowUs);
      else if (schedule.kind === 'settled') await this.#makeOfSettledDays(job);
    }
  }

  /** Runs of the jobs that waited for this one, to be made together with its end. */
  async followers(job: JobDefinition, run: StoredRun): Promise<readonly JobChange[]> {
    if (run.catchUp !== null || this.#ownSchedules !== 'all') return [];
    const { graph, newest } = this.#record;
    const changes: JobChange[] = [];
    for (const next of graph.following(job.name)) {
      if (next.schedule.kind !== 'after' || next.notAvailable !== undefined) continue;
      if (this.#isUnderWay(next, run.partition)) continue;
      let isDue = true;
      for (const before of graph.before(next)) {
        const state = await newest.learn(before.name, run.partition);
        if (before !== job && state !== 'done' && state !== 'skipped') isDue = false;
      }
      if (isDue) changes.push({ kind: 'run', run: this.#newRuns.make(next, run.partition, `after ${job.name}`) });
    }
    return changes;
  }

  #isScheduled(job: JobDefinition): boolean {
    if (job.notAvailable !== undefined || this.#record.isPaused(job.name)) return false;
    return this.#ownSchedules === 'all' || (this.#ownSchedules === 'upkeep' && job.isUpkeep === true);
  }

  #nextCronUs(job: string, schedule: CronSchedule): number | null {
    const cursorUs = this.#record.cursorUs(job);
    let next = this.#nextCron.get(job);
    if (next === undefined || next.cursorUs !== cursorUs) {
      next = { cursorUs, atUs: nextCronUs(schedule, cursorUs ?? this.#clock.wallUs()) };
      this.#nextCron.set(job, next);
    }
    return next.atUs;
  }

  async #makeOfInterval(job: JobDefinition, everyMs: number, nowUs: number): Promise<void> {
    const dueUs = this.#intervalDueUs.get(job.name);
    if (dueUs === undefined || dueUs > this.#clock.monotonicUs()) return;
    this.#intervalDueUs.set(job.name, this.#clock.monotonicUs() + everyMs * 1000);
    await this.#due(job, [null], nowUs, `every ${spanText(everyMs)}`);
  }

  async #makeOfCron(job: JobDefinition, schedule: CronSchedule, nowUs: number): Promise<void> {
    const cursorUs = this.#record.cursorUs(job.name) ?? nowUs;
    if (cursorUs > nowUs + wrongClockUs) {
      this.#log.warn({ job: job.name }, 'the clock was ahead by more than a day: its schedule begins anew');
      await this.#due(job, [], nowUs, '');
    } else if ((this.#nextCronUs(job.name, schedule) ?? nowUs + 1) <= nowUs) {
      const fromUs = Math.max(cursorUs, nowUs - mostDaysOwed * dayUs);
      const partitions = job.partitioning === 'day' ? daysOwed(schedule, fromUs, nowUs) : [null];
      await this.#due(job, partitions, nowUs, `cron ${schedule.expression}`);
    }
  }

  async #makeOfSettledDays(job: JobDefinition): Promise<void> {
    const cursorUs = this.#record.cursorUs(job.name);
    const last = cursorUs === null ? '' : dateOf(cursorUs);
    // A job that is new here owes no years of a lake that was there before it: those are caught up by whoever wants them.
    const most = cursorUs === null ? 1 : mostDaysOwed;
    const days = this.#settlement.days.filter((day) => day > last).slice(-most);
    if (days.length > 0) await this.#due(job, days, startOfUs(days.at(-1)!), 'the day is settled');
  }

  /** Runs and how far its schedule has come, together: each instant and each day makes its run once. */
  async #due(
    job: JobDefinition,
    partitions: readonly (string | null)[],
    cursorUs: number,
    cause: string,
  ): Promise<void> {
    const changes: JobChange[] = [];
    for (const partition of partitions) {
      if (this.#isUnderWay(job, partition)) continue;
      changes.push({ kind: 'run', run: this.#newRuns.make(job, partition, cause) });
    }
    await this.#record.newest.learnBefore(job, partitions);
    changes.push({ kind: 'job', job: { name: job.name, isPaused: false, cursorUs } });
    await this.#record.change(changes);
  }

  /** A run that waits does for another that would wait beside it. One under way does only for an interval's next. */
  #isUnderWay(job: JobDefinition, partition: string | null): boolean {
    for (const run of this.#record.runs.of(job.name, partition)) {
      if (run.catchUp !== null || Object.keys(run.arguments).length > 0) continue;
      if (run.state !== 'running' || job.schedule.kind === 'interval') return true;
    }
    return false;
  }
}

function startOfUs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) * 1000;
}
