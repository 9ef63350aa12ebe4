import { exitCodes } from './exit-codes.ts';
import { endWithSupervisor } from './supervisor.ts';
import type { Running } from './wire.ts';

/** A package manager passes the terminal's Ctrl-C on a second time; what comes later is meant. */
const sameSignalMs = 1000;

/** Resolves at the first signal, or when the supervisor is gone, with the exit code. Another signal ends the process at once. */
export function untilSignalled(): Promise<number> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const heard = (code: number) => {
      if (firstAtMs !== undefined && performance.now() - firstAtMs > sameSignalMs) process.exit(code);
      firstAtMs ??= performance.now();
      resolve(code);
    };
    process.on('SIGINT', () => heard(exitCodes.interrupted));
    process.on('SIGTERM', () => heard(exitCodes.terminated));
    endWithSupervisor(() => resolve(exitCodes.terminated));
  });
}

/** Runs until a signal, the end of the supervisor, or a failure; returns the exit code after a clean stop. */
export async function runUntilStopped(running: Running): Promise<number> {
  const code = await Promise.race([untilSignalled(), running.done.then(() => exitCodes.success as number)]);
  await running.stop();
  return code;
}
