import type { JobChange, StoredRun } from '../ports/job-store.ts';
import { isIdle } from './run-end.ts';

/** The newest run of each job whose last runs found nothing to do: of such runs in a row only the newest is history. */
export class IdleRuns {
  readonly #newest = new Map<string, number>();

  /** The run as it is recorded. */
  put(run: StoredRun): void {
    if (isIdle(run)) this.#newest.set(run.job, run.id);
  }

  /** What is no longer history once this idle run is. */
  forgetBefore(run: StoredRun): readonly JobChange[] {
    const previous = this.#newest.get(run.job);
    return previous === undefined || previous === run.id ? [] : [{ kind: 'forget-run', run: previous }];
  }

  /** The job had something to do. */
  endRow(job: string): void {
    this.#newest.delete(job);
  }
}
