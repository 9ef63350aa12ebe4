// Adds the entries that npm leaves out of package-lock.json when a registry lacks a package for another platform: without
// them npm 11's `npm ci` refuses the lock that npm itself wrote. Run after every change of dependencies: `npm run lock`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install-state.mjs';

/** Where Node's resolution would find `name` from the package at `path`, innermost first. */
export function candidatePaths(path, name) {
  const candidates = [];
  for (let at = path; ; at = at.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    candidates.push(`${at === '' ? '' : `${at}/`}node_modules/${name}`);
    if (at === '') return candidates;
  }
}

/**
 * Optional dependencies that the lock names and has no entry for. An entry of another version does not count: then the
 * missing one belongs one level nearer, as the copies for this platform do.
 */
export function missingOptional(lock) {
  const missing = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const candidates = candidatePaths(path, name);
      const found = candidates.findIndex((candidate) => lock.packages[candidate] !== undefined);
      const exact = /^\d/.test(version);
      if (found >= 0 && (!exact || lock.packages[candidates[found]].version === version)) continue;
      if (!exact || found === 0) throw new Error(`${path}: cannot place ${name}@${version}; run npm install again`);
      const place = candidates[found < 0 ? candidates.length - 1 : found - 1];
      missing.push({ path: place, name, version, dev: entry.dev === true });
    }
  }
  return missing;
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

/** The platform that a package says it is for in its name: `…-linux-arm64-musl`. */
export function platformOf(name) {
  const words = name.replace(/^@[^/]+\//, '').split('-');
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  const libc = words.includes('musl') ? ['musl'] : [];
  return { ...(os.length > 0 && { os }), ...(cpu.length > 0 && { cpu }), ...(libc.length > 0 && { libc }) };
}

export function completeLock(lock) {
  const added = missingOptional(lock);
  const packages = { ...lock.packages };
  for (const { path, name, version, dev } of added) {
    const platform = platformOf(name);
    if (platform.os === undefined && platform.cpu === undefined) {
      throw new Error(`${name}: no platform in its name, so this script cannot say when npm should skip it`);
    }
    packages[path] = { version, ...(dev && { dev }), optional: true, ...platform };
  }
  const sorted = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  return { lock: { ...lock, packages: sorted }, added: added.map((one) => one.path.replace(/^node_modules\//, '')) };
}

if (process.argv[1] === join(root, 'scripts', 'complete-lock.mjs')) {
  const path = join(root, 'package-lock.json');
  const { lock, added } = completeLock(JSON.parse(readFileSync(path, 'utf8')));
  if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(added.length === 0 ? 'the lock is complete\n' : `added ${added.length}: ${added.join(', ')}\n`);
}
