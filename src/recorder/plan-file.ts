import { TidemarkError } from '../domain/error.ts';
import type { Plan } from '../ports/source.ts';
import type { Files } from '../ports/world.ts';

/** Follows a file that is replaced atomically. */
export class PlanFile {
  private readonly files: Files;
  private readonly path: string;
  private last: Buffer | undefined;

  constructor(files: Files, path: string) {
    this.files = files;
    this.path = path;
  }

  /** The plan, if the file changed since the last look. Throws `bad-plan` once for each content that is none. */
  changed(): Plan | undefined {
    if (!this.files.exists(this.path)) return undefined;
    const bytes = Buffer.from(this.files.read(this.path));
    if (this.last?.equals(bytes)) return undefined;
    this.last = bytes;
    try {
      return checkPlan(JSON.parse(bytes.toString()));
    } catch (cause) {
      throw new TidemarkError('bad-plan', {
        doing: 'follow the plan in',
        what: this.path,
        now: 'recording goes on with the plan before it',
        cause,
      });
    }
  }
}

function checkPlan(value: unknown): Plan {
  const plan = value as Plan;
  if (typeof plan !== 'object' || plan === null) throw new Error('it is not an object');
  if (plan.formatVersion !== 1) throw new Error(`its format version is ${String(plan.formatVersion)}, not 1`);
  if (!Array.isArray(plan.sessions)) throw new Error('it names no sessions');
  const ids = new Set<string>();
  for (const session of plan.sessions) {
    if (typeof session.id !== 'string' || ids.has(session.id)) throw new Error('each session needs an id of its own');
    ids.add(session.id);
    if (!Array.isArray(session.urls) || session.urls.length === 0) throw new Error(`${session.id} has no URL`);
    if (!Array.isArray(session.streams)) throw new Error(`${session.id} names no streams`);
    const { limits } = session;
    for (const name of ['lifetimeMs', 'silenceMs', 'messagesPerSecond', 'namesPerMessage', 'maxFrameBytes'] as const) {
      if (!(limits?.[name] > 0)) throw new Error(`${session.id} has no limit ${name}`);
    }
  }
  const mode = plan.venueTime?.mode;
  if (mode !== 'wall' && mode !== 'frames') throw new Error('it does not say how venue time is had');
  return plan;
}
