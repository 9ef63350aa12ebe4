import type { JournalWriter } from '../ports/journal.ts';
import type { Logger } from '../ports/log.ts';
import type { Plan, Source } from '../ports/source.ts';
import type { World } from '../ports/world.ts';
import { DialBudget } from './dial-budget.ts';
import { Lane } from './lane.ts';
import { Logbook } from './logbook.ts';
import { PlanFile } from './plan-file.ts';
import type { SessionSurroundings } from './session.ts';

export interface RecorderOptions {
  readonly journal: JournalWriter;
  /** Followed: read at the start and whenever it changes. */
  readonly planFile?: string;
  /** Recorded at once; a plan file replaces it. */
  readonly staticPlan?: Plan;
  readonly source: Source;
  readonly log: Logger;
  /** Above it no socket is read until the journal has caught up. */
  readonly maxUnsyncedBytes?: number;
}

export interface SessionStatus {
  readonly session: number;
  readonly planSession: string;
  readonly url: string;
  readonly state: 'dialling' | 'open' | 'subscribed' | 'closed';
  readonly openedAtUs: number | undefined;
  readonly frames: number;
  readonly bytes: number;
}

export interface Recorder {
  /** Ends the sessions and syncs; the journal stays open. */
  stop(): Promise<void>;
  sessions(): SessionStatus[];
}

const planPollMs = 500;
const pulseMs = 1000;
const catchUpMs = 5;
/** Sessions are numbered across restarts by the fence. */
const sessionsPerFence = 2 ** 20;

/** Sockets into the journal, by plan. It waits for no reader. */
export function startRecorder(world: World, options: RecorderOptions): Recorder {
  const { journal, log } = options;
  const { clock, timers } = world;
  const logbook = new Logbook(journal, clock);
  const budget = new DialBudget();
  const lanes = new Map<string, Lane>();
  const planFile = options.planFile === undefined ? undefined : new PlanFile(world.files, options.planFile);
  const maxUnsyncedBytes = options.maxUnsyncedBytes ?? 64 * 1024 * 1024;
  const venueTime = { scansFrames: false, newestUs: 0 };
  const cancels: (() => void)[] = [];
  let plan: Plan | undefined;
  let sessionCount = 0;
  let isStopped = false;
  let isPaused = false;

  const allSessions = () => [...lanes.values()].flatMap((lane) => lane.sessions());

  const halt = (reason: string): void => {
    if (isStopped) return;
    isStopped = true;
    for (const cancel of cancels) cancel();
    for (const lane of lanes.values()) lane.stop(reason);
  };

  const catchUp = (): void => {
    if (isStopped) return;
    if (journal.unsyncedBytes > maxUnsyncedBytes / 2) {
      timers.after(catchUpMs, catchUp);
      return;
    }
    isPaused = false;
    for (const session of allSessions()) session.resume();
    log.info({}, 'the journal has caught up: reading on');
  };

  const around: SessionSurroundings = {
    world,
    journal,
    logbook,
    source: options.source,
    maxUnsyncedBytes,
    venueTime,
    tooMuchUnsynced() {
      if (isStopped) return;
      // Again for a connection that opened meanwhile.
      for (const session of allSessions()) session.pause();
      if (isPaused) return;
      isPaused = true;
      log.warn({ unsyncedBytes: journal.unsyncedBytes }, 'the disk is slow: reading from the venue is paused');
      timers.after(catchUpMs, catchUp);
    },
    journalFailed(error) {
      if (isStopped) return;
      log.error({ err: error }, 'the journal failed: recording has ended');
      halt('the journal failed');
    },
  };

  const follow = (next: Plan): void => {
    plan = next;
    logbook.plan(next);
    venueTime.scansFrames = next.venueTime.mode === 'frames';
    const wanted = new Map(next.sessions.map((session) => [session.id, session]));
    for (const [id, lane] of lanes) {
      if (wanted.has(id)) continue;
      lane.stop('no longer planned');
      lanes.delete(id);
    }
    for (const [id, session] of wanted) {
      const lane = lanes.get(id);
      if (lane !== undefined) lane.follow(session);
      else {
        const nextNumber = (): number => {
          sessionCount += 1;
          return journal.fence * sessionsPerFence + sessionCount;
        };
        lanes.set(id, new Lane(around, budget, session, nextNumber, log));
      }
    }
    log.info({ sessions: next.sessions.length }, 'following the plan');
  };

  const guarded = (action: () => void): void => {
    if (isStopped) return;
    try {
      action();
    } catch (error) {
      around.journalFailed(error);
    }
  };

  const lookAtPlan = (): void => {
    let next: Plan | undefined;
    try {
      next = planFile?.changed();
    } catch (error) {
      log.error({ err: error }, 'the plan cannot be followed');
      return;
    }
    if (next !== undefined) {
      const changed = next;
      guarded(() => follow(changed));
    }
  };

  const recordPulse = (): number => {
    const wallUs = clock.wallUs();
    const monotonicUs = clock.monotonicUs();
    let venueUs: number | null = null;
    if (plan?.venueTime.mode === 'wall') venueUs = wallUs + plan.venueTime.offsetUs;
    else if (venueTime.newestUs > 0) venueUs = venueTime.newestUs;
    logbook.pulse(venueUs, wallUs, monotonicUs);
    return monotonicUs;
  };

  const pulse = (): void => {
    const monotonicUs = recordPulse();
    if (!isPaused) for (const lane of lanes.values()) lane.check(monotonicUs);
  };

  if (options.staticPlan !== undefined) {
    const first = options.staticPlan;
    guarded(() => follow(first));
  }
  lookAtPlan();
  if (plan === undefined) log.info({ planFile: options.planFile }, 'no plan yet: waiting for one');
  cancels.push(timers.every(planPollMs, lookAtPlan));
  cancels.push(timers.every(pulseMs, () => guarded(pulse)));

  return {
    async stop() {
      // Whatever ended by now is over: without it, the second after the last pulse would stay forming until the next start.
      guarded(recordPulse);
      halt('the recorder stopped');
      // A failed journal has told its owner already.
      await journal.sync().catch(() => {});
    },
    sessions: () =>
      allSessions().map((session) => ({
        session: session.number,
        planSession: session.plan.id,
        url: session.url,
        state: session.state,
        openedAtUs: session.openedAtUs,
        frames: session.frames,
        bytes: session.bytes,
      })),
  };
}
