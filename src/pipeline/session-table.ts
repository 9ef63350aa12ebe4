import { instrumentId, type Market } from '../domain/instrument.ts';
import type { SessionRecord } from '../ports/journal.ts';
import type { Plan, SessionPlan } from '../ports/source.ts';

/** A venue connection as the journal tells of it. */
export interface SessionState {
  readonly writer: string;
  readonly session: number;
  readonly planSession: string;
  readonly market: Market;
  state: 'connecting' | 'open' | 'closed';
  sinceUs: number;
  frames: number;
  lastFrameAtUs: number;
}

/**
 * Sessions and the plan in force, from journal records. During a rotation two sessions serve one plan session; its streams
 * are disconnected only when none is open.
 */
export class SessionTable {
  /** The plan journalled last, by whomever. */
  plan: Plan | undefined;
  /** The plan in force in each journal: what its records mean must not depend on how far another one was read. */
  readonly #plans = new Map<string, Plan>();
  /** Instruments whose trades the plan of a journal subscribes. */
  readonly #withTrades = new Map<string, Set<string>>();
  /** How often each plan session was dialled again. */
  readonly reconnects = new Map<string, number>();
  readonly #sessions = new Map<string, SessionState>();
  /** The one asked for last, while it lives: frames of a session often follow each other. */
  #last: SessionState | undefined;

  get(writer: string, session: number): SessionState | undefined {
    const last = this.#last;
    if (last !== undefined && last.session === session && last.writer === writer) return last;
    this.#last = this.#sessions.get(`${writer}/${session}`);
    return this.#last;
  }

  all(): SessionState[] {
    return [...this.#sessions.values()];
  }

  follow(writer: string, plan: Plan): void {
    this.plan = plan;
    this.#plans.set(writer, plan);
    const trades = plan.sessions.flatMap((session) => session.streams.filter(({ kind }) => kind === 'trade'));
    this.#withTrades.set(writer, new Set(trades.map(({ instrument }) => instrumentId(instrument))));
  }

  planned(writer: string, planSession: string): SessionPlan | undefined {
    return (this.#plans.get(writer) ?? this.plan)?.sessions.find((session) => session.id === planSession);
  }

  /** Whether the plan of this journal records trades of the instrument; undefined while the journal has none. */
  recordsTrades(writer: string, instrument: string): boolean | undefined {
    return this.#withTrades.get(writer)?.has(instrument);
  }

  /** Applies a session record; the plan session that lost its last open session by it, if any. */
  apply(writer: string, record: SessionRecord, atUs: number): string | undefined {
    this.#last = undefined;
    const key = `${writer}/${record.session}`;
    switch (record.event) {
      case 'dialled': {
        const dialledBefore = this.reconnects.get(record.planSession);
        this.reconnects.set(record.planSession, dialledBefore === undefined ? 0 : dialledBefore + 1);
        this.#sessions.set(key, {
          writer,
          session: record.session,
          planSession: record.planSession,
          market: record.market as Market,
          state: 'connecting',
          sinceUs: atUs,
          frames: 0,
          lastFrameAtUs: 0,
        });
        return undefined;
      }
      case 'opened': {
        const session = this.#sessions.get(key);
        if (session !== undefined) {
          session.state = 'open';
          session.sinceUs = atUs;
        }
        return undefined;
      }
      case 'closed': {
        const session = this.#sessions.get(key);
        if (session === undefined) return undefined;
        this.#sessions.delete(key);
        return session.state === 'open' && !this.isOpen(session.planSession) ? session.planSession : undefined;
      }
      default:
        return undefined;
    }
  }

  isOpen(planSession: string): boolean {
    for (const session of this.#sessions.values()) {
      if (session.planSession === planSession && session.state === 'open') return true;
    }
    return false;
  }

  /** Plan sessions that have an open session in this journal. */
  openIn(writer: string): string[] {
    const open = this.all().filter((session) => session.writer === writer && session.state === 'open');
    return [...new Set(open.map((session) => session.planSession))];
  }

  /**
   * What a segment's head says: the sessions of this journal that live, and none but these. The plan sessions that lost
   * their last open one.
   */
  inForce(writer: string, records: readonly SessionRecord[], atUs: number): string[] {
    const alive = new Set(records.map((record) => `${writer}/${record.session}`));
    const lost = this.#forget(writer, alive);
    const known = new Set(this.#sessions.keys());
    for (const record of records) if (!known.has(`${writer}/${record.session}`)) this.apply(writer, record, atUs);
    return lost.filter((planSession) => !this.isOpen(planSession));
  }

  /** A writer began anew: none of its older sessions lives. The plan sessions that lost their last open one. */
  writerStarted(writer: string): string[] {
    return this.#forget(writer, new Set()).filter((planSession) => !this.isOpen(planSession));
  }

  /** Forgets the writer's sessions but these; the plan sessions that had an open one among the forgotten. */
  #forget(writer: string, kept: ReadonlySet<string>): string[] {
    this.#last = undefined;
    const lost = new Set<string>();
    for (const [key, session] of this.#sessions) {
      if (session.writer !== writer || kept.has(key)) continue;
      this.#sessions.delete(key);
      if (session.state === 'open') lost.add(session.planSession);
    }
    return [...lost];
  }

  toJSON(): unknown {
    return { plan: this.plan, plans: [...this.#plans], reconnects: [...this.reconnects], sessions: this.all() };
  }

  load(json: unknown): void {
    this.#last = undefined;
    const saved = json as {
      plan?: Plan;
      plans: [string, Plan][];
      reconnects: [string, number][];
      sessions: SessionState[];
    };
    for (const [writer, plan] of saved.plans) this.follow(writer, plan);
    this.plan = saved.plan;
    for (const [planSession, count] of saved.reconnects) this.reconnects.set(planSession, count);
    for (const session of saved.sessions) this.#sessions.set(`${session.writer}/${session.session}`, session);
  }
}
