import { after, suite, test } from 'node:test';

/** A real server or program that tests start themselves. */
export interface Engine<Running extends RunningEngine = RunningEngine> {
  readonly name: string;
  /** Fails with `NotToBeHad` where it cannot be installed, with anything else when it is there and does not start. */
  start(): Promise<Running>;
}

export interface RunningEngine {
  stop(): Promise<void>;
}

/** Whatever it takes to install an engine is missing here: its tests are skipped, and the runner says why. */
export class NotToBeHad extends Error {}

type RunningOf<Engines> = { [Name in keyof Engines]: Engines[Name] extends Engine<infer Running> ? Running : never };

/**
 * Tests that need these engines: they are started before the first of them and stopped after the last. The tests of a
 * file stand in such suites or are registered at once: what a file registers after an await of its own is lost.
 */
export function engineSuite<Engines extends Readonly<Record<string, Engine>>>(
  name: string,
  engines: Engines,
  define: (running: RunningOf<Engines>) => void | Promise<void>,
): void {
  suite(name, async () => {
    const running: RunningEngine[] = [];
    const stopAll = async (): Promise<void> => {
      for (const one of running.reverse()) await one.stop();
    };
    const starts = Object.entries(engines).map(async ([key, engine]) => {
      const started = await engine.start();
      running.push(started);
      return [key, started] as const;
    });
    const settled = await Promise.allSettled(starts);
    const refused = settled.flatMap((start) => (start.status === 'rejected' ? [start.reason as unknown] : []));
    if (refused.length > 0) {
      await stopAll();
      const failure = refused.find((reason) => !(reason instanceof NotToBeHad));
      if (failure !== undefined) throw failure;
      test(name, { skip: refused.map((reason) => (reason as Error).message).join(', ') }, () => {});
      return;
    }
    after(stopAll);
    const started = settled.map((start) => (start as PromiseFulfilledResult<readonly [string, RunningEngine]>).value);
    await define(Object.fromEntries(started) as RunningOf<Engines>);
  });
}
