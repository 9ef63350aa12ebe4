import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobDefinition } from '../../../src/jobs/index.ts';
import { jobOf } from '../../../src/jobs/scheduler.test-fixture.ts';

const day = { partitioning: 'day', retryDelayMs: 1000 } as const;

/** A diamond that is run a day at a time, and a job by itself. */
export const diamond: readonly JobDefinition[] = [
  jobOf('alone'),
  jobOf('first-job', { ...day, schedule: { kind: 'settled' } }),
  jobOf('left', { ...day, schedule: { kind: 'after' }, after: ['first-job'] }),
  jobOf('right', { ...day, schedule: { kind: 'after' }, after: ['first-job'], maxAttempts: 2 }),
  jobOf('last-job', { ...day, schedule: { kind: 'after' }, after: ['left', 'right'] }),
];

/** Stands for the program: notes how it was called, and fails the first time as `right`. */
export function notingCommand(folder: string): { readonly command: string[]; calls(): string[] } {
  const script = join(folder, 'noting command.cjs');
  const file = join(folder, 'calls.txt');
  writeFileSync(file, '');
  writeFileSync(
    script,
    `const fs = require('node:fs');
const [file, , , name] = process.argv.slice(2);
const isFirst = !fs.readFileSync(file, 'utf8').includes(' ' + name + ' ');
fs.appendFileSync(file, process.argv.slice(3).join(' ') + '\\n');
if (name === 'right' && isFirst) { console.error('no luck the first time'); process.exit(1); }
`,
  );
  return {
    command: [process.execPath, script, file],
    calls: () => readFileSync(file, 'utf8').trim().split('\n'),
  };
}
