// Makes a clone able to run: packages, the pinned Node, the dashboard's bundle (--web), a browser for tests (--browser).
// Every npm script begins with it. Plain JavaScript for Node 18 and newer; silent and quick when nothing is to do.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  findChromium,
  isInstalled,
  isWebBuilt,
  lockHash,
  pinnedNode,
  pinnedNodeProblem,
  root,
  stampPath,
  webSourceHash,
  webStampPath,
  withSetupLock,
} from './install-state.mjs';

// Everything here goes to stderr: stdout belongs to the program that runs next.
const say = (text) => process.stderr.write(`${text}\n`);

function run(command, args, env = process.env) {
  const answer = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (answer.error !== undefined) say(`cannot run ${command}: ${answer.error.message}`);
  return answer.status === 0;
}

function npm(args) {
  const cli = process.env.npm_execpath;
  return cli !== undefined && /npm-cli\.js$/.test(cli) ? run(process.execPath, [cli, ...args]) : run('npm', args);
}

/** Ends the setup with words for the user and no stack trace. */
class Refusal extends Error {}

function refuse(message) {
  throw new Refusal(message);
}

function install() {
  say('Installing packages (about 20 s the first time) …');
  // --include=dev because Node itself and the dashboard's tools are devDependencies, whatever NODE_ENV says.
  if (!npm(['ci', '--include=dev', '--loglevel=error', '--no-audit', '--no-fund'])) {
    refuse('Installing the packages failed; the lines above say why. To try it alone:\n  npm ci --include=dev');
  }
  const problem = pinnedNodeProblem();
  if (problem !== undefined) refuse(problem);
  writeFileSync(stampPath(), lockHash());
}

function buildWeb() {
  say('Building the dashboard …');
  const hash = webSourceHash();
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  if (!run(pinnedNode, [vite, 'build', '-c', join('web', 'vite.config.ts'), '--logLevel', 'warn'])) {
    refuse('Building the dashboard failed; the lines above say why.');
  }
  mkdirSync(dirname(webStampPath()), { recursive: true });
  writeFileSync(webStampPath(), hash);
}

function isDebian() {
  return existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
}

function installBrowser() {
  say('Installing a Chromium for the browser tests …');
  if (isDebian() && process.getuid?.() === 0) {
    const packages = ['chromium', 'fonts-liberation'];
    const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    if (run('apt-get', ['-qq', 'update'], env) && run('apt-get', ['-qq', 'install', ...options, ...packages], env))
      return;
  }
  run(pinnedNode, [join('node_modules', 'playwright-core', 'cli.js'), 'install', 'chromium']);
}

function setUp(wanted) {
  const unknown = [...wanted].filter((flag) => flag !== '--web' && flag !== '--browser');
  if (unknown.length > 0) refuse(`setup knows --web and --browser, not ${unknown.join(' ')}`);

  const underLock = (work) =>
    withSetupLock(root, work, (pid) => {
      say(`Waiting for another setup of this folder${Number.isInteger(pid) ? ` (process ${pid})` : ''} …`);
    });

  // Each need is looked at twice: once to be quick, once more under the lock, since another setup may have met it meanwhile.
  if (!isInstalled()) underLock(() => isInstalled() || install());
  const problem = pinnedNodeProblem();
  if (problem !== undefined) refuse(problem);

  if (wanted.has('--web') && !isWebBuilt()) underLock(() => isWebBuilt() || buildWeb());

  if (wanted.has('--browser') && findChromium() === undefined) {
    underLock(() => findChromium() === undefined && installBrowser());
    if (findChromium() !== undefined) return;
    const advice = 'No Chromium could be had. Install one, or name it: TIDEMARK_CHROMIUM=/path/to/chromium npm test';
    if (process.env.CI === 'true') refuse(advice);
    say(`${advice}\nThe browser tests will be skipped.`);
  }
}

try {
  setUp(new Set(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  say(error.message);
  process.exitCode = 1;
}
