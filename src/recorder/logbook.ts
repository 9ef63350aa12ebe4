import { type JournalWriter, type RecordKind, recordKinds, type SessionRecord } from '../ports/journal.ts';
import type { Plan } from '../ports/source.ts';
import type { Clock } from '../ports/world.ts';

/** Appends what the recorder itself has to say, as JSON. */
export class Logbook {
  private readonly journal: JournalWriter;
  private readonly clock: Clock;

  constructor(journal: JournalWriter, clock: Clock) {
    this.journal = journal;
    this.clock = clock;
  }

  session(record: SessionRecord): void {
    this.write(recordKinds.session, record.session, record);
  }

  plan(plan: Plan): void {
    this.write(recordKinds.plan, 0, plan);
  }

  pulse(venueUs: number | null, wallUs: number, monotonicUs: number): void {
    this.write(recordKinds.pulse, 0, { wallUs, monotonicUs, venueUs }, wallUs, monotonicUs);
  }

  private write(
    kind: RecordKind,
    session: number,
    value: unknown,
    receivedAtUs = this.clock.wallUs(),
    monotonicUs = this.clock.monotonicUs(),
  ): void {
    this.journal.append({ kind, session, receivedAtUs, monotonicUs, payload: Buffer.from(JSON.stringify(value)) });
  }
}
