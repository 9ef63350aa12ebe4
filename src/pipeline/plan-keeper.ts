import type { DataKind } from '../domain/state.ts';
import type { Plan, Source, StreamWish, VenueHosts } from '../ports/source.ts';
import type { Files } from '../ports/world.ts';

export interface PlanSubject {
  readonly streams: readonly StreamWish[];
  readonly hosts: VenueHosts;
  readonly dataKind: DataKind;
  /** `frames`: venue time is the newest event time, as in a replay. */
  readonly venueTimeMode: 'wall' | 'frames';
}

/** Clock offsets that differ by less are the same: a new plan is a new record. */
const offsetToleranceUs = 5_000;
const encoder = new TextEncoder();

/** Writes the plan file that the recorder follows, and again when the measured clock offset moved. */
export class PlanKeeper {
  readonly #files: Files;
  readonly #path: string;
  readonly #source: Source;
  readonly #subject: PlanSubject;
  #offsetUs: number | undefined;
  plan: Plan | undefined;

  constructor(files: Files, path: string, source: Source, subject: PlanSubject) {
    this.#files = files;
    this.#path = path;
    this.#source = source;
    this.#subject = subject;
  }

  /** Writes the plan if there is none yet or the venue's clock moved against ours; the plan when it is a new one. */
  keep(venueOffsetUs: number | undefined): Plan | undefined {
    const offsetUs = Math.round(venueOffsetUs ?? this.#offsetUs ?? 0);
    if (this.#offsetUs !== undefined && Math.abs(offsetUs - this.#offsetUs) < offsetToleranceUs) {
      return undefined;
    }
    const { streams, hosts, dataKind, venueTimeMode } = this.#subject;
    const venueTime: Plan['venueTime'] = venueTimeMode === 'wall' ? { mode: 'wall', offsetUs } : { mode: 'frames' };
    const plan = this.#source.plan({ streams, hosts, dataKind, venueTime });
    this.#files.writeAtomic(this.#path, encoder.encode(`${JSON.stringify(plan, null, 2)}\n`));
    // Only now: a plan that could not be written is written at the next look.
    this.#offsetUs = offsetUs;
    this.plan = plan;
    return plan;
  }
}
