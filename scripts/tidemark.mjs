#!/usr/bin/env node
// The `tidemark` command: runs the program under the pinned Node, whichever Node started this file.
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isInstalled, isWebBuilt, pinnedNode, pinnedNodeProblem, root } from './install-state.mjs';

if (!isInstalled() || !isWebBuilt() || pinnedNodeProblem() !== undefined) {
  const setup = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--web'], { stdio: ['ignore', 2, 2] });
  if (setup.status !== 0) process.exit(setup.status ?? 1);
}

const child = spawn(pinnedNode, [join(root, 'src', 'cli', 'main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });

for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// A terminal's Ctrl-C reaches the whole process group; passing it on as well would deliver it twice.
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) child.kill('SIGINT');
});

child.on('error', (error) => {
  process.stderr.write(`cannot run ${pinnedNode}: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
