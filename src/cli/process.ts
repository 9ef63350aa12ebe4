import { exitCodes } from './exit-codes.ts';
import { endWithSupervisor } from './supervisor.ts';
import type { Running } from './wire.ts';

/** Runs until a signal, the end of the supervisor, or a failure; returns the exit code after a clean stop. */
export async function runUntilStopped(running: Running): Promise<number> {
  const signalled = new Promise<number>((resolve) => {
    process.once('SIGINT', () => resolve(exitCodes.interrupted));
    process.once('SIGTERM', () => resolve(exitCodes.terminated));
    endWithSupervisor(() => resolve(exitCodes.terminated));
  });
  const code = await Promise.race([signalled, running.done.then(() => exitCodes.success as number)]);
  await running.stop();
  return code;
}
