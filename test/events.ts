// Reporter of one test file to test/run.ts: each event is a line that begins with a record separator, so that whatever the
// file prints by itself can be told apart from it.
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export const eventMark = '\u001e';

/** What the runner learns of a file, in the order in which it happens. */
export type FileEvent =
  | { readonly type: 'began'; readonly name: string }
  | { readonly type: 'passed'; readonly name: string; readonly skipped?: string }
  | { readonly type: 'failed'; readonly name: string; readonly line: number; readonly why: string }
  | { readonly type: 'ended' };

interface Failure extends Error {
  readonly failureType?: string;
}

/** Message and stack of what a test threw, without the lines of Node's own runner. */
function failureText(error: Failure): string {
  const cause = error.cause;
  if (!(cause instanceof Error)) return cause instanceof Object ? inspect(cause, { depth: 6 }) : error.message;
  const own = (cause.stack ?? cause.message).split('\n').filter((line) => !/^\s+at .*\(?node:/.test(line));
  return cause.cause === undefined ? own.join('\n') : `${own.join('\n')}\ncaused by ${inspect(cause.cause)}`;
}

function fileEvent({ type, data }: TestEvent): FileEvent | undefined {
  switch (type) {
    case 'test:dequeue':
      return { type: 'began', name: data.name };
    case 'test:pass': {
      if (data.skip !== undefined) return { type: 'passed', name: data.name, skipped: reason(data.skip) };
      if (data.todo !== undefined) return { type: 'passed', name: data.name, skipped: `to do: ${reason(data.todo)}` };
      return data.details.type === 'suite' ? undefined : { type: 'passed', name: data.name };
    }
    case 'test:fail': {
      const error = data.details.error as Failure;
      // A parent that fails only because its subtests did says nothing new.
      if (error.failureType === 'subtestsFailed') return undefined;
      return { type: 'failed', name: data.name, line: data.line ?? 0, why: failureText(error) };
    }
    case 'test:summary':
      return { type: 'ended' };
    default:
      return undefined;
  }
}

function reason(given: string | boolean): string {
  return typeof given === 'string' && given !== '' ? given : 'no reason given';
}

export default async function* events(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const told = fileEvent(event);
    if (told !== undefined) yield `${eventMark}${JSON.stringify(told)}\n`;
  }
}
