import type { ModelPartition, StepOutcome } from '../ports/model-runner.ts';

/** What the engine writes to a model process, a line of JSON a partition. */
export interface ModelRequest {
  readonly partition: ModelPartition;
  readonly threads: number;
  readonly memoryMb: number;
  /** Where what does not fit in memory goes; the process's own. */
  readonly spillFolder: string;
}

/** What the process answers: a line of JSON an outcome, then one that says that the partition is done. */
export type ModelReply =
  | { readonly outcome: StepOutcome }
  | { readonly done: true }
  | { readonly failure: { readonly why: string } };
