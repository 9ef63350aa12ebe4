import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { completeLock, type FullLock, missingOptional, platformOf } from '../../scripts/complete-lock.mjs';
import { installedMatchesLock, root } from '../../scripts/install-state.mjs';

const read = (name: string): unknown => JSON.parse(readFileSync(join(root, name), 'utf8'));

suite('package-lock.json', () => {
  const lock = read('package-lock.json') as FullLock;

  test('has an entry for every optional dependency that it names, or `npm ci` refuses it: `npm run lock` adds them', () => {
    assert.deepEqual(missingOptional(lock), []);
  });

  test('agrees with package.json on every version', () => {
    const own = read('package.json') as Record<'dependencies' | 'devDependencies', Record<string, string>>;
    const locked = lock.packages[''] as unknown as typeof own;
    assert.deepEqual(locked.dependencies, own.dependencies);
    assert.deepEqual(locked.devDependencies, own.devDependencies);
    for (const [name, version] of Object.entries({ ...own.dependencies, ...own.devDependencies })) {
      assert.match(version, /^\d/, `${name} is not pinned`);
      assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
    }
  });
});

suite('completing a lock', () => {
  const entry = (version: string, optionalDependencies: Record<string, string> = {}) => ({
    version,
    optionalDependencies,
  });

  test('adds what is missing with its platform, once', () => {
    const lock = { packages: { '': {}, 'node_modules/a': entry('1.0.0', { '@a/b-linux-arm64-musl': '1.0.0' }) } };
    const { lock: completed, added } = completeLock<FullLock>(lock);
    assert.deepEqual(added, ['@a/b-linux-arm64-musl']);
    assert.deepEqual(completed.packages['node_modules/@a/b-linux-arm64-musl'], {
      version: '1.0.0',
      optional: true,
      os: ['linux'],
      cpu: ['arm64'],
      libc: ['musl'],
    });
    assert.deepEqual(completeLock(completed).added, []);
  });

  test('puts a second version nearer to the package that wants it', () => {
    const lock: FullLock = {
      packages: {
        'node_modules/a': entry('1.0.0', { 'a-darwin-x64': '1.0.0' }),
        'node_modules/a-darwin-x64': { version: '1.0.0' },
        'node_modules/v/node_modules/a': entry('2.0.0', { 'a-darwin-x64': '2.0.0' }),
      },
    };
    assert.deepEqual(completeLock(lock).added, ['v/node_modules/a-darwin-x64']);
  });

  test('refuses a name that tells no platform', () => {
    assert.throws(
      () => completeLock({ packages: { 'node_modules/a': entry('1.0.0', { b: '1.0.0' }) } }),
      /no platform/,
    );
    assert.deepEqual(platformOf('@tailwindcss/oxide-wasm32-wasi'), { cpu: ['wasm32'] });
  });
});

suite('whether an install is needed', () => {
  const wanted = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '1.0.0', optional: true },
    },
  };

  test('not when npm installed the same versions, with or without those for other platforms', () => {
    assert.equal(installedMatchesLock(wanted, { packages: { 'node_modules/a': { version: '1.0.0' } } }), true);
    assert.equal(installedMatchesLock(wanted, wanted), true);
  });

  test('after any difference: absent, older, or more than the lock has', () => {
    assert.equal(installedMatchesLock(wanted, undefined), false);
    assert.equal(installedMatchesLock(wanted, { packages: {} }), false);
    assert.equal(installedMatchesLock(wanted, { packages: { 'node_modules/a': { version: '0.9.0' } } }), false);
    const more = { packages: { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } } };
    assert.equal(installedMatchesLock(wanted, more), false);
  });
});
