// What is installed, and what should be. Plain JavaScript that Node 18 can run: it works before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const minimumNodeMajor = 24;

/** The pinned Node: the npm package `node` puts it here. */
export const pinnedNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

export function lockHash(folder = root) {
  const hash = createHash('sha256');
  hash.update(`${process.platform} ${process.arch}\n`);
  hash.update(readFileSync(join(folder, 'package-lock.json')));
  return hash.digest('hex');
}

/**
 * Whether what npm says it installed is what the lock asks for. Optional packages belong to other platforms and may be
 * absent; anything extra or of another version counts as different.
 */
export function installedMatchesLock(wanted, installed) {
  if (wanted?.packages === undefined || installed?.packages === undefined) return false;
  for (const [path, entry] of Object.entries(wanted.packages)) {
    if (path === '') continue;
    const found = installed.packages[path];
    if (found === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return false;
    }
    if (found.version !== entry.version) return false;
    if (entry.integrity !== undefined && found.integrity !== entry.integrity) return false;
  }
  return Object.keys(installed.packages).every((path) => wanted.packages[path] !== undefined);
}

export function stampPath(folder = root) {
  return join(folder, 'node_modules', '.tidemark-stamp');
}

/** True when nothing needs installing. Someone's own `npm install` of the same lock is accepted and stamped. */
export function isInstalled(folder = root) {
  const stamp = stampPath(folder);
  const wanted = lockHash(folder);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
  const installed = readJson(join(folder, 'node_modules', '.package-lock.json'));
  if (!installedMatchesLock(readJson(join(folder, 'package-lock.json')), installed)) return false;
  writeFileSync(stamp, wanted);
  return true;
}

/** Why the pinned Node cannot be used, with what to do about it; undefined when it can. */
export function pinnedNodeProblem(node = pinnedNode, env = process.env) {
  if (!existsSync(node)) {
    const production = env.NODE_ENV === 'production' || /\bdev\b/.test(env.npm_config_omit ?? '');
    if (production && !existsSync(join(dirname(dirname(node)), 'node'))) {
      return 'The packages were installed without devDependencies (NODE_ENV=production or omit=dev), and Node 24 is one of them. Run:\n  npm ci --include=dev';
    }
    return 'Node 24 was not installed, because npm did not run the install script of the package `node`. Run:\n  npm rebuild node --ignore-scripts=false';
  }
  const answer = spawnSync(node, ['-p', 'process.versions.node'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const version = (answer.stdout ?? '').trim();
  if (answer.status === 0 && Number.parseInt(version, 10) >= minimumNodeMajor) return undefined;
  return `${relative(root, node)} is ${version === '' ? 'not runnable' : `Node ${version}`}; Tidemark needs Node ${minimumNodeMajor} or newer. Run:\n  npm rebuild node --ignore-scripts=false`;
}

function* filesUnder(path) {
  if (!existsSync(path)) return;
  if (statSync(path).isFile()) {
    yield path;
    return;
  }
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules') continue;
    const child = join(path, entry.name);
    if (entry.isDirectory()) yield* filesUnder(child);
    else if (entry.isFile() && !/\.test\.tsx?$/.test(entry.name)) yield child;
  }
}

/** Hash of everything the dashboard's bundle is made from. */
export function webSourceHash(folder = root) {
  const hash = createHash('sha256');
  for (const part of ['web', 'src/protocol', 'src/domain', 'package-lock.json']) {
    for (const path of filesUnder(join(folder, part))) {
      hash.update(`${relative(folder, path).split(sep).join('/')}\n`);
      hash.update(readFileSync(path));
    }
  }
  return hash.digest('hex');
}

export function webStampPath(folder = root) {
  return join(folder, 'dist', 'web.stamp');
}

export function isWebBuilt(folder = root) {
  if (!existsSync(join(folder, 'web', 'vite.config.ts'))) return true;
  const stamp = webStampPath(folder);
  return (
    existsSync(join(folder, 'dist', 'web', 'index.html')) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === webSourceHash(folder)
  );
}

/** A Chromium that is already there: `TIDEMARK_CHROMIUM`, or one on PATH. */
export function chromiumOnPath(env = process.env) {
  const own = env.TIDEMARK_CHROMIUM;
  if (own !== undefined && own !== '') return existsSync(own) ? own : undefined;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const name of names) {
      const path = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

/** The Chromium that playwright downloads for itself, if it is there. */
export function chromiumOfPlaywright() {
  const script = "import('playwright-core').then((p) => console.log(p.chromium.executablePath()))";
  const answer = spawnSync(pinnedNode, ['-e', script], { cwd: root, encoding: 'utf8' });
  const path = (answer.stdout ?? '').trim();
  return answer.status === 0 && path !== '' && existsSync(path) ? path : undefined;
}

export function findChromium() {
  return chromiumOnPath() ?? chromiumOfPlaywright();
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function ownerOf(lock) {
  return Number.parseInt(readJson(join(lock, 'owner.json'))?.pid ?? '', 10);
}

function isAbandoned(lock) {
  const owner = ownerOf(lock);
  if (Number.isInteger(owner)) return !isAlive(owner);
  // Between making the folder and naming its owner lie microseconds; ten seconds without a name is a death.
  const made = statSync(lock, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs > 10_000;
}

function tryTake(lock) {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(lock, 'owner.json'), JSON.stringify({ pid: process.pid }));
  return true;
}

const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Runs `work` while no other setup of this folder runs; the lock of a process that died is taken over. */
export function withSetupLock(folder, work, onWait = () => {}) {
  mkdirSync(join(folder, 'dist'), { recursive: true });
  const lock = join(folder, 'dist', 'setup.lock');
  for (let waits = 0; !tryTake(lock); waits++) {
    if (isAbandoned(lock)) {
      // Renaming lets exactly one of several waiters clear it.
      const aside = `${lock}.${process.pid}`;
      try {
        renameSync(lock, aside);
        rmSync(aside, { recursive: true, force: true });
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
      continue;
    }
    if (waits === 0) onWait(ownerOf(lock));
    pause(100);
  }
  try {
    return work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}
