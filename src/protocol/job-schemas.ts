import { z } from 'zod';
import * as jobs from './jobs.ts';
import type { Same } from './same-type.ts';

// The types of jobs.ts as schemas. The last constant of this file compiles only while both say the same.

const instantUs = z.int().describe('µs since 1970-01-01 UTC');
const count = z.int();
const day = z.string().describe('a UTC day, YYYY-MM-DD');
const errorSchema = z.object({ code: z.string(), message: z.string() });
export const runStateSchema = z.enum(jobs.runStates);

export const runRowSchema = z
  .object({
    id: z.int(),
    job: z.string(),
    partition: day.nullable(),
    state: runStateSchema,
    cause: z.string(),
    priority: z.int(),
    attempts: count.describe('attempts begun'),
    maxAttempts: count,
    queuedAtUs: instantUs,
    startedAtUs: instantUs.nullable().describe('of the latest attempt'),
    endedAtUs: instantUs.nullable(),
    nextAttemptAtUs: instantUs.nullable(),
    heartbeatAtUs: instantUs.nullable(),
    waitsFor: z.string().nullable(),
    progress: z.number().nullable().describe('in [0, 1], where the work can tell'),
    rows: z.int().nullable(),
    bytes: z.int().nullable(),
    effect: z.string().nullable().describe('one line of what it changed'),
    error: errorSchema.nullable(),
    catchUp: z.int().nullable(),
  })
  .meta({ id: 'RunRow' });

export const jobRowSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    schedule: z.object({ kind: z.enum(jobs.scheduleKinds), text: z.string(), zone: z.string().nullable() }),
    after: z.array(z.string()).describe('jobs that have to be done before, for the same partition'),
    partitioning: z.enum(['none', 'day']),
    isPaused: z.boolean(),
    notAvailable: z.string().nullable().describe('why it cannot run here'),
    priority: z.int(),
    concurrency: count,
    maxAttempts: count,
    timeoutMs: z.int(),
    latest: runRowSchema.nullable(),
    nextAtUs: instantUs.nullable(),
  })
  .meta({ id: 'JobRow' });

export const catchUpRowSchema = z
  .object({
    id: z.int(),
    job: z.string(),
    jobs: z.array(z.string()),
    fromDate: day,
    toDate: day.describe('inclusive'),
    atOnce: count,
    order: z.enum(jobs.catchUpOrders),
    state: z.enum(jobs.catchUpStates),
    days: z.array(z.object({ job: z.string(), date: day, state: runStateSchema, run: z.int().nullable() })),
  })
  .meta({ id: 'CatchUpRow' });

export const jobsAnswerSchema = z
  .object({
    nowUs: instantUs,
    jobs: z.array(jobRowSchema),
    slots: z.object({ all: count, used: count }),
    counts: z.record(runStateSchema, count),
    doneLastDay: count,
    catchUps: z.array(catchUpRowSchema),
    weight: z
      .object({ usedPerMinute: z.number(), limitPerMinute: z.number() })
      .nullable()
      .describe('REST weight of the venue'),
  })
  .meta({ id: 'JobsAnswer' });

export const runsAnswerSchema = z
  .object({
    runs: z.array(runRowSchema).describe('newest first'),
    before: z.int().nullable().describe('of the next page'),
    kept: count,
  })
  .meta({ id: 'RunsAnswer' });

export const runAnswerSchema = z
  .object({
    run: runRowSchema,
    attempts: z.array(
      z.object({
        attempt: z.int(),
        startedAtUs: instantUs,
        endedAtUs: instantUs.nullable(),
        outcome: z.enum(jobs.attemptOutcomes),
        error: errorSchema.nullable(),
      }),
    ),
    command: z.string().describe('does the same by hand'),
    ifItDies: z.string().describe('what remains true then'),
  })
  .meta({ id: 'RunAnswer' });

export const runLogAnswerSchema = z
  .object({
    lines: z.array(
      z.object({
        sequence: z.int().describe('from 1; pass the last one as after'),
        atUs: instantUs,
        level: z.enum(jobs.logLevels),
        text: z.string(),
      }),
    ),
    isEnded: z.boolean().describe('no further line will come after these'),
  })
  .meta({ id: 'RunLogAnswer' });

export const timelineAnswerSchema = z
  .object({
    fromUs: instantUs,
    toUs: instantUs,
    spans: z.array(
      z.object({
        job: z.string(),
        run: z.int(),
        kind: z.enum(['waiting', 'running', 'done', 'failed']),
        fromUs: instantUs,
        toUs: instantUs,
      }),
    ),
  })
  .meta({ id: 'TimelineAnswer' });

export const runRequestSchema = z
  .strictObject({
    partition: day.optional(),
    arguments: z.record(z.string().max(40), z.string().max(400)).optional(),
    whenSettled: z.boolean().optional().describe('held until its day is settled'),
    attempts: z.int().min(1).max(100).optional().describe('instead of the job’s own number'),
  })
  .meta({ id: 'RunRequest' });

export const catchUpRequestSchema = z
  .strictObject({
    from: day,
    to: day.describe('inclusive'),
    atOnce: z.int().min(1).max(100).optional(),
    order: z.enum(jobs.catchUpOrders).optional(),
    withFollowing: z.boolean().optional().describe('also the jobs after it, day by day'),
  })
  .meta({ id: 'CatchUpRequest' });

/** Does not compile when a schema and its type differ, in either direction. */
export const jobSchemasEqualTypes: readonly [
  Same<typeof runRowSchema, jobs.RunRow>,
  Same<typeof jobRowSchema, jobs.JobRow>,
  Same<typeof catchUpRowSchema, jobs.CatchUpRow>,
  Same<typeof jobsAnswerSchema, jobs.JobsAnswer>,
  Same<typeof runsAnswerSchema, jobs.RunsAnswer>,
  Same<typeof runAnswerSchema, jobs.RunAnswer>,
  Same<typeof runLogAnswerSchema, jobs.RunLogAnswer>,
  Same<typeof timelineAnswerSchema, jobs.TimelineAnswer>,
] = [true, true, true, true, true, true, true, true];
