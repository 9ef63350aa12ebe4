import type { Clock } from '../ports/world.ts';
import type { MatchingVenue } from './matching-venue.ts';
import type { MatchingMode, ReplayMode } from './options.ts';
import type { ReplayVenue } from './replay-venue.ts';

/** At most so long at a time, so that sockets and requests get their turn. */
const chunkUs = 20_000;
const stepsBetweenLooks = 64;
const settleUs = 100_000;

/** Moves a matching venue on, at its speed. */
export class MatchingPlayer {
  readonly #venue: MatchingVenue;
  readonly #mode: MatchingMode;
  readonly #clock: Clock;
  readonly #isCongested: () => boolean;
  readonly #startedAtUs: number;
  readonly #venueStartUs: number;

  constructor(venue: MatchingVenue, mode: MatchingMode, clock: Clock, isCongested: () => boolean) {
    this.#venue = venue;
    this.#mode = mode;
    this.#clock = clock;
    this.#isCongested = isCongested;
    this.#startedAtUs = clock.monotonicUs();
    this.#venueStartUs = venue.nowUs();
  }

  get isOver(): boolean {
    return this.#mode.endAtUs !== undefined && this.#venue.nowUs() >= this.#mode.endAtUs;
  }

  play(): void {
    const endAtUs = this.#mode.endAtUs ?? Number.POSITIVE_INFINITY;
    const { speed } = this.#mode;
    const dueUs = Number.isFinite(speed)
      ? Math.min(endAtUs, Math.floor(this.#venueStartUs + (this.#clock.monotonicUs() - this.#startedAtUs) * speed))
      : endAtUs;
    const stopAtUs = this.#clock.monotonicUs() + chunkUs;
    let steps = 0;
    while (this.#venue.step(dueUs)) {
      if (++steps % stepsBetweenLooks !== 0) continue;
      if (this.#clock.monotonicUs() > stopAtUs) return;
      if (!Number.isFinite(speed) && this.#isCongested()) return;
    }
    if (Number.isFinite(dueUs)) this.#venue.advance(dueUs);
  }
}

/** Plays a recording: waits for its listeners, keeps its pace, cuts where it is told to. */
export class ReplayPlayer {
  readonly #venue: ReplayVenue;
  readonly #mode: ReplayMode;
  readonly #clock: Clock;
  readonly #sockets: { isHeard(stream: string): boolean; isCongested(): boolean; isBuffering(): boolean; cut(): void };
  #startedAtUs: number | undefined;
  #cutAtUs: number | undefined;
  readonly #speed: number;
  #cuts: { afterFrames: number; lostFrames: number }[];
  /** Streams to wait for before going on. */
  #awaited: readonly string[];

  constructor(
    venue: ReplayVenue,
    mode: ReplayMode,
    clock: Clock,
    sockets: { isHeard(stream: string): boolean; isCongested(): boolean; isBuffering(): boolean; cut(): void },
  ) {
    this.#venue = venue;
    this.#mode = mode;
    this.#clock = clock;
    this.#sockets = sockets;
    this.#speed = mode.speed === 'original' ? 1 : mode.speed === 'full' ? Number.POSITIVE_INFINITY : mode.speed;
    this.#cuts = [...(mode.cuts ?? [])].sort((a, b) => a.afterFrames - b.afterFrames);
    const { waitForStreams = 'all' } = mode;
    const all = [...venue.streams];
    this.#awaited =
      typeof waitForStreams === 'string'
        ? all
        : all.filter((stream) => waitForStreams.includes(stream.slice(stream.indexOf('/') + 1)));
  }

  get isOver(): boolean {
    return this.#venue.nextAtUs === undefined;
  }

  #isReady(): boolean {
    const isHeard = (stream: string) => this.#sockets.isHeard(stream);
    if (this.#mode.waitForStreams === 'any') return this.#awaited.some(isHeard);
    return this.#awaited.every(isHeard);
  }

  play(): void {
    if (this.#awaited.length > 0) {
      if (!this.#isReady()) return;
      this.#awaited = [];
    }
    const nowUs = this.#clock.monotonicUs();
    this.#startedAtUs ??= nowUs;
    const dueUs = Number.isFinite(this.#speed)
      ? this.#venue.firstAtUs + (nowUs - this.#startedAtUs) * this.#speed
      : Number.POSITIVE_INFINITY;
    const stopAtUs = nowUs + chunkUs;
    for (let steps = 1; ; steps++) {
      const nextAtUs = this.#venue.nextAtUs;
      if (nextAtUs === undefined || nextAtUs > dueUs) return;
      const cut = this.#cuts[0];
      if (cut !== undefined && this.#venue.position >= cut.afterFrames) {
        // A reset throws away what the other side has not read: what was sent before it shall have arrived.
        this.#cutAtUs ??= nowUs + settleUs;
        if (nowUs < this.#cutAtUs || this.#sockets.isBuffering()) return;
        this.#cutAtUs = undefined;
        this.#cuts.shift();
        this.#lose(cut.lostFrames);
        return;
      }
      this.#venue.step();
      if (steps % stepsBetweenLooks !== 0) continue;
      if (this.#sockets.isCongested() || this.#clock.monotonicUs() > stopAtUs) return;
    }
  }

  #lose(frames: number): void {
    const heard = [...this.#venue.streams].filter((stream) => this.#sockets.isHeard(stream));
    this.#sockets.cut();
    const end = this.#venue.position + frames;
    while (this.#venue.position < end && this.#venue.nextAtUs !== undefined) this.#venue.step();
    this.#awaited = heard;
    // The pace goes on from here when they are back.
    const nextAtUs = this.#venue.nextAtUs;
    if (nextAtUs !== undefined && this.#startedAtUs !== undefined && Number.isFinite(this.#speed)) {
      this.#startedAtUs = this.#clock.monotonicUs() - (nextAtUs - this.#venue.firstAtUs) / this.#speed;
    }
  }
}
