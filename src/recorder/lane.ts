import type { Logger } from '../ports/log.ts';
import type { SessionPlan } from '../ports/source.ts';
import { BackOff } from './back-off.ts';
import type { DialBudget } from './dial-budget.ts';
import { Session, type SessionEnd, type SessionEvents, type SessionSurroundings } from './session.ts';

/** Both connections stay open for so long after the new one is subscribed; ids tell the doubles. */
const longestOverlapMs = 2000;
/** Venue's word on how long to keep away, when it gives none. */
const banMs = 120_000;
const refusedEverywhereMs = 300_000;

/** Keeps one planned session connected for ever: dials, rotates before the end of its life, replaces what fails. */
export class Lane {
  private readonly around: SessionSurroundings;
  private readonly budget: DialBudget;
  private readonly nextNumber: () => number;
  private readonly log: Logger;
  private readonly backOff: BackOff;
  private plan: SessionPlan;
  private current: Session | undefined;
  private replacement: Session | undefined;
  /** Connections on their way out. */
  private readonly leaving = new Set<Session>();
  private rotateAtUs = Number.POSITIVE_INFINITY;
  private urlIndex = 0;
  private refusals = 0;
  private cancelDial: (() => void) | undefined;
  private isStopped = false;

  constructor(
    around: SessionSurroundings,
    budget: DialBudget,
    plan: SessionPlan,
    nextNumber: () => number,
    log: Logger,
  ) {
    this.around = around;
    this.budget = budget;
    this.plan = plan;
    this.nextNumber = nextNumber;
    this.log = log;
    this.backOff = new BackOff(around.world.random);
    this.scheduleDial(0);
  }

  sessions(): Session[] {
    return [this.current, this.replacement, ...this.leaving].filter((session) => session !== undefined);
  }

  /** Once a second. */
  check(nowUs: number): void {
    for (const session of this.sessions()) {
      if (session.state !== 'dialling' && nowUs - session.heardAtUs > session.plan.limits.silenceMs * 1000) {
        this.log.warn({ session: session.number, url: session.url }, 'the connection is silent: dropped');
        session.drop(`silent for ${session.plan.limits.silenceMs} ms`);
      }
    }
    if (nowUs >= this.rotateAtUs) {
      this.rotateAtUs = Number.POSITIVE_INFINITY;
      this.replace();
    }
  }

  /** The new definition gets a connection of its own before the old one goes. */
  follow(plan: SessionPlan): void {
    const isSame = JSON.stringify(plan) === JSON.stringify(this.plan);
    this.plan = plan;
    if (isSame) return;
    this.urlIndex = 0;
    // A replacement under the old definition is of no use.
    this.replacement?.close('the plan changed');
    if (this.replacement !== undefined) this.leaving.add(this.replacement);
    this.replacement = undefined;
    if (this.current !== undefined) this.replace();
  }

  stop(reason: string): void {
    this.isStopped = true;
    this.cancelDial?.();
    for (const session of this.sessions()) session.abandon(reason);
    this.current = undefined;
    this.replacement = undefined;
    this.leaving.clear();
  }

  private replace(): void {
    if (this.replacement === undefined && this.cancelDial === undefined) this.scheduleDial(0);
  }

  private scheduleDial(delayMs: number): void {
    if (this.isStopped) return;
    const { clock, timers } = this.around.world;
    this.cancelDial = timers.after(delayMs, () => {
      const nowUs = clock.monotonicUs();
      const againAtUs = this.budget.take(nowUs);
      if (againAtUs > 0) {
        this.scheduleDial((againAtUs - nowUs) / 1000);
        return;
      }
      this.cancelDial = undefined;
      this.dial();
    });
  }

  private dial(): void {
    const url = this.plan.urls[this.urlIndex % this.plan.urls.length]!;
    const events: SessionEvents = {
      opened: (session) => {
        this.refusals = 0;
        this.log.info({ session: session.number, url }, 'connected');
      },
      subscribed: (session) => this.subscribed(session),
      shutdownAnnounced: (session) => {
        if (session !== this.current) return;
        this.log.info({ session: session.number }, 'the venue announced a shutdown: replacing the connection');
        this.rotateAtUs = Number.POSITIVE_INFINITY;
        this.replace();
      },
      closed: (session, end) => this.closed(session, end),
    };
    const session = new Session(this.around, this.plan, url, this.nextNumber(), events);
    if (this.isStopped) {
      session.abandon('the journal failed');
      return;
    }
    if (this.current === undefined) this.current = session;
    else this.replacement = session;
  }

  private subscribed(session: Session): void {
    if (session === this.current) this.scheduleRotation(session);
    if (session !== this.replacement) return;
    const old = this.current;
    this.current = session;
    this.replacement = undefined;
    this.scheduleRotation(session);
    if (old === undefined) return;
    this.leaving.add(old);
    const overlapMs = Math.min(longestOverlapMs, session.plan.limits.lifetimeMs / 50);
    this.around.world.timers.after(overlapMs, () => old.close('replaced'));
  }

  private scheduleRotation(session: Session): void {
    const { clock, random } = this.around.world;
    const share = 0.96 - 0.04 * random.fraction();
    this.rotateAtUs = clock.monotonicUs() + session.plan.limits.lifetimeMs * 1000 * share;
  }

  private closed(session: Session, end: SessionEnd): void {
    if (this.leaving.delete(session) || this.isStopped) return;
    const { clock } = this.around.world;
    if (session.openedAtUs !== undefined) this.backOff.lived(clock.wallUs() - session.openedAtUs);
    const isReplacement = session === this.replacement;
    if (isReplacement) this.replacement = undefined;
    if (session === this.current) {
      this.current = this.replacement;
      this.replacement = undefined;
      this.rotateAtUs = Number.POSITIVE_INFINITY;
      // The replacement may be subscribed already, or will say so.
      if (this.current?.state === 'subscribed') this.scheduleRotation(this.current);
    }
    const what = { session: session.number, url: session.url, code: end.code, reason: end.reason };
    if (end.refused === undefined) this.log.warn(what, 'disconnected');
    const delayMs = this.delayAfter(session, end);
    // A lane with a living connection needs no other, unless it was being replaced.
    if (this.cancelDial === undefined && (isReplacement || this.current === undefined)) this.scheduleDial(delayMs);
  }

  private delayAfter(session: Session, end: SessionEnd): number {
    const delayMs = this.backOff.nextDelayMs();
    if (session.openedAtUs !== undefined) return delayMs;
    this.urlIndex += 1;
    const { refused } = end;
    if (refused === undefined) return delayMs;
    const { status } = refused;
    const what = { status, url: session.url, body: refused.body.slice(0, 200) };
    if (status === 429 || status === 418) {
      const awayMs = refused.retryAfterS === undefined ? banMs : refused.retryAfterS * 1000;
      this.budget.blockUntil(this.around.world.clock.monotonicUs() + awayMs * 1000);
      this.urlIndex -= 1;
      this.log.error({ ...what, awayMs }, `the venue refuses connections of this address (${status}): keeping away`);
      return Math.max(delayMs, awayMs);
    }
    if (status === 451 || status === 403) {
      this.refusals += 1;
      const isEverywhere = this.refusals >= this.plan.urls.length;
      const why = status === 451 ? 'the venue does not serve this location (451)' : 'the venue refuses us (403)';
      this.log.error(what, isEverywhere ? `${why}, and no host is left to try` : `${why}: trying the next host`);
      if (isEverywhere) {
        this.refusals = 0;
        return refusedEverywhereMs * (1 + this.around.world.random.fraction());
      }
      return delayMs;
    }
    this.log.warn(what, `the venue refused the connection (${status})`);
    return delayMs;
  }
}
