import pino from 'pino';
import type { Logger } from '../ports/log.ts';

/** Structured log on stderr: JSON lines, or one readable line each on a terminal. */
export function openLog(level: string, name: string): Logger {
  return pino(
    { level, name, base: { process: name }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
