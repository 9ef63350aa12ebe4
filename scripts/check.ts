// Everything that can be said without running the program: types, format, lint, house rules. `npm run check`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install-state.mjs';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

function checks(): Check[] {
  const projects = [
    { name: 'types of the program', config: 'tsconfig.json' },
    { name: 'types of the dashboard', config: 'web/tsconfig.json' },
    { name: 'types of the browser tests', config: 'test/browser/tsconfig.json' },
  ];
  return [
    ...projects
      .filter(({ config }) => existsSync(join(root, config)))
      .map(({ name, config }) => ({ name, command: [bin('tsc'), '-p', config] })),
    { name: 'format and lint', command: [bin('biome'), 'ci', '--colors=off', '.'] },
    { name: 'house rules', command: [process.execPath, 'test/run.ts', 'test/house/'] },
  ];
}

function run({ name, command }: Check): Promise<{ name: string; ok: boolean; output: string; elapsedMs: number }> {
  const startedAtMs = performance.now();
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve) => {
    const end = (ok: boolean): void => resolve({ name, ok, output, elapsedMs: performance.now() - startedAtMs });
    child.on('error', (error) => {
      output += error.message;
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

const failed: string[] = [];
for (const check of checks()) {
  const { name, ok, output, elapsedMs } = await run(check);
  console.log(`${ok ? '✔' : '✖'} ${name}  ${(elapsedMs / 1000).toFixed(1)} s`);
  if (ok) continue;
  failed.push(name);
  console.log(output.trimEnd());
}
console.log(failed.length === 0 ? 'every check passed' : `failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
