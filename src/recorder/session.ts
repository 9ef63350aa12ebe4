import { type JournalWriter, recordKinds, type SessionRecord } from '../ports/journal.ts';
import type { SessionPlan, Source } from '../ports/source.ts';
import type { WebSocketConnection, WebSocketEvents, World } from '../ports/world.ts';
import { eventTimeUs, mayBeControl, readControl } from './frame-sight.ts';
import type { Logbook } from './logbook.ts';

export const handshakeTimeoutMs = 10_000;
const goodbyeMs = 2000;
/** Neither an acknowledgement nor a frame for so long after subscribing: nothing will come. */
const acknowledgeMs = 15_000;

export type SessionEnd = Parameters<WebSocketEvents['closed']>[0];

/** What all sessions of a recorder share. */
export interface SessionSurroundings {
  readonly world: World;
  readonly journal: JournalWriter;
  readonly logbook: Logbook;
  readonly source: Source;
  readonly maxUnsyncedBytes: number;
  /** Newest event time seen, kept only while the plan takes venue time from frames. */
  readonly venueTime: { scansFrames: boolean; newestUs: number };
  /** The journal holds too much that is not synced. */
  tooMuchUnsynced(): void;
  journalFailed(error: unknown): void;
}

export interface SessionEvents {
  opened(session: Session): void;
  /** Every subscription was answered. */
  subscribed(session: Session): void;
  shutdownAnnounced(session: Session): void;
  closed(session: Session, end: SessionEnd): void;
}

/** One connection from dialling to close. */
export class Session {
  readonly number: number;
  readonly plan: SessionPlan;
  readonly url: string;
  state: 'dialling' | 'open' | 'subscribed' | 'closed' = 'dialling';
  openedAtUs: number | undefined;
  /** Monotonic time of the last frame or ping; of the dialling before the first. */
  heardAtUs: number;
  frames = 0;
  bytes = 0;

  private readonly around: SessionSurroundings;
  private readonly events: SessionEvents;
  private readonly connection: WebSocketConnection;
  private readonly unanswered = new Set<number>();
  private unsent = 0;
  private endReason: string | undefined;
  private timers: (() => void)[] = [];

  constructor(around: SessionSurroundings, plan: SessionPlan, url: string, number: number, events: SessionEvents) {
    this.around = around;
    this.plan = plan;
    this.url = url;
    this.number = number;
    this.events = events;
    const { clock, network } = around.world;
    this.heardAtUs = clock.monotonicUs();
    this.record({ event: 'dialled', session: number, planSession: plan.id, market: plan.market, url });
    this.connection = network.webSocket(
      url,
      {
        opened: () => this.opened(),
        message: this.receiver(),
        ping: () => {
          this.heardAtUs = clock.monotonicUs();
        },
        closed: (end) => this.closed(end),
      },
      { maxPayloadBytes: plan.limits.maxFrameBytes, handshakeTimeoutMs },
    );
  }

  /** The hot path: stamps before anything else, then one copy into the journal's block. */
  private receiver(): WebSocketEvents['message'] {
    const { world, journal, venueTime, maxUnsyncedBytes } = this.around;
    const { clock } = world;
    const record = {
      kind: recordKinds.frame,
      session: this.number,
      receivedAtUs: 0,
      monotonicUs: 0,
      payload: new Uint8Array(0),
    };
    return (bytes) => {
      record.receivedAtUs = clock.wallUs();
      record.monotonicUs = clock.monotonicUs();
      if (this.state === 'closed') return;
      record.payload = bytes as Uint8Array<ArrayBuffer>;
      try {
        journal.append(record);
      } catch (error) {
        this.around.journalFailed(error);
        return;
      }
      this.heardAtUs = record.monotonicUs;
      this.frames += 1;
      this.bytes += bytes.length;
      if (mayBeControl(bytes)) this.control(bytes);
      if (venueTime.scansFrames) {
        const seenUs = eventTimeUs(bytes);
        if (seenUs > venueTime.newestUs) venueTime.newestUs = seenUs;
      }
      if (journal.unsyncedBytes > maxUnsyncedBytes) this.around.tooMuchUnsynced();
    };
  }

  pause(): void {
    this.connection.pause();
  }

  resume(): void {
    // It was we who did not listen.
    this.heardAtUs = this.around.world.clock.monotonicUs();
    this.connection.resume();
  }

  /** A polite end; what still arrives is recorded. */
  close(reason: string): void {
    if (this.state === 'closed') return;
    this.endReason ??= reason;
    this.connection.close(1000, '');
    this.after(goodbyeMs, () => this.connection.terminate());
  }

  /** For a connection that is dead: a goodbye would wait for a peer that is gone. */
  drop(reason: string): void {
    if (this.state === 'closed') return;
    this.endReason ??= reason;
    this.connection.terminate();
  }

  /** The recorder stops: the end is recorded now, later events are ignored. */
  abandon(reason: string): void {
    if (this.state === 'closed') return;
    this.end({ code: 1000, reason, byUs: true });
    this.connection.terminate();
  }

  private opened(): void {
    if (this.state !== 'dialling') return;
    this.state = 'open';
    this.openedAtUs = this.around.world.clock.wallUs();
    this.heardAtUs = this.around.world.clock.monotonicUs();
    this.record({ event: 'opened', session: this.number });
    this.events.opened(this);
    this.subscribe();
  }

  private subscribe(): void {
    const { limits, streams } = this.plan;
    const messages: string[][] = [];
    for (let at = 0; at < streams.length; at += limits.namesPerMessage) {
      messages.push(streams.slice(at, at + limits.namesPerMessage).map((stream) => stream.name));
    }
    this.unsent = messages.length;
    for (const [index, names] of messages.entries()) {
      if (index === 0) this.sendSubscription(names, index + 1);
      else this.after((index * 1000) / limits.messagesPerSecond, () => this.sendSubscription(names, index + 1));
    }
    if (messages.length === 0) this.subscribed();
    else {
      const sentAfterMs = ((messages.length - 1) * 1000) / limits.messagesPerSecond;
      this.after(sentAfterMs + acknowledgeMs, () => {
        if (this.state !== 'open') return;
        if (this.frames === 0) this.drop('the subscription was not acknowledged');
        else this.subscribed();
      });
    }
  }

  private sendSubscription(names: string[], requestId: number): void {
    if (this.state !== 'open') return;
    this.unanswered.add(requestId);
    this.unsent -= 1;
    this.record({ event: 'subscribed', session: this.number, streams: names, requestId });
    this.connection.send(this.around.source.subscribeMessage(names, requestId));
  }

  private control(bytes: Uint8Array): void {
    const control = readControl(bytes);
    if (control === undefined) return;
    if (control.kind === 'shutdown') {
      this.events.shutdownAnnounced(this);
      return;
    }
    const { requestId, error } = control;
    this.record({
      event: 'acknowledged',
      session: this.number,
      requestId,
      ...(error === undefined ? {} : { error }),
    });
    if (requestId === -1) this.unanswered.clear();
    else this.unanswered.delete(requestId);
    if (this.state === 'open' && this.unsent === 0 && this.unanswered.size === 0) this.subscribed();
  }

  private subscribed(): void {
    this.state = 'subscribed';
    this.events.subscribed(this);
  }

  private closed(end: SessionEnd): void {
    if (this.state === 'closed') return;
    this.end(this.endReason === undefined ? end : { ...end, reason: this.endReason, byUs: true });
    this.events.closed(this, end);
  }

  private end(end: SessionEnd): void {
    this.state = 'closed';
    for (const cancel of this.timers) cancel();
    this.timers = [];
    this.record({
      event: 'closed',
      session: this.number,
      code: end.code,
      reason: end.reason,
      side: end.byUs ? 'us' : end.code === 1006 && end.refused === undefined ? 'network' : 'venue',
      ...(end.refused === undefined ? {} : { refusedStatus: end.refused.status }),
    });
  }

  private record(record: SessionRecord): void {
    try {
      this.around.logbook.session(record);
    } catch (error) {
      this.around.journalFailed(error);
    }
  }

  private after(delayMs: number, callback: () => void): void {
    this.timers.push(this.around.world.timers.after(delayMs, callback));
  }
}
