/** Whether doing the same again can help: `later` (after `afterMs` where known), or never without a change. */
export type Retry = 'now' | 'later' | 'never';

export interface ErrorContext {
  /** What was tried, as a verb phrase: `open the journal`. */
  readonly doing: string;
  /** On what: an instrument, a file, an address. */
  readonly what?: string;
  readonly why?: string;
  /** What the reader can do now. */
  readonly now?: string;
  readonly retry?: Retry;
  readonly afterMs?: number;
  readonly cause?: unknown;
}

/** An error that says what was tried, on what, why it failed and what to do now. `code` is stable and documented. */
export class TidemarkError extends Error {
  readonly code: string;
  readonly doing: string;
  readonly what: string | undefined;
  readonly why: string | undefined;
  readonly hint: string | undefined;
  readonly retry: Retry;
  readonly afterMs: number | undefined;

  constructor(code: string, context: ErrorContext) {
    const subject = context.what === undefined ? '' : ` ${context.what}`;
    const reason =
      context.why ?? (context.cause instanceof Error ? context.cause.message : context.cause && String(context.cause));
    super(`cannot ${context.doing}${subject}${reason ? `: ${reason}` : ''}${context.now ? ` — ${context.now}` : ''}`, {
      cause: context.cause,
    });
    this.name = 'TidemarkError';
    this.code = code;
    this.doing = context.doing;
    this.what = context.what;
    this.why = context.why;
    this.hint = context.now;
    this.retry = context.retry ?? 'never';
    this.afterMs = context.afterMs;
  }
}

/** For our own mistakes only; bad input is a case, not a mistake. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`);
}
