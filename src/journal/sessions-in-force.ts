import { recordKinds, type SessionRecord } from '../ports/journal.ts';
import type { Plan } from '../ports/source.ts';

/** What later segments must say in their heads: the sessions that live, and the newest plan. */
export class SessionsInForce {
  private readonly bySession = new Map<number, SessionRecord[]>();
  plan: Plan | undefined;

  static takes(kind: number): boolean {
    return kind === recordKinds.session || kind === recordKinds.plan;
  }

  apply(kind: number, payload: Uint8Array): void {
    const record: unknown = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString());
    if (kind === recordKinds.plan) this.plan = record as Plan;
    else this.applySession(record as SessionRecord);
  }

  records(): SessionRecord[] {
    return [...this.bySession.values()].flat();
  }

  private applySession(record: SessionRecord): void {
    if (record.event === 'dialled') this.bySession.set(record.session, [record]);
    else if (record.event === 'closed') this.bySession.delete(record.session);
    else this.bySession.get(record.session)?.push(record);
  }
}
