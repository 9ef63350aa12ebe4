import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root } from '../../scripts/install-state.mjs';
import { runFile } from '../run-file.ts';
import { until } from '../support/processes.ts';
import { install } from './support/downloads.ts';
import { freePorts, startServer } from './support/server.ts';
import { NotToBeHad } from './support/suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-harness-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const support = join(root, 'test', 'engines', 'support');

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that ended and was not waited for yet still has a number.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function resultOf(source: string) {
  const place = mkdtempSync(join(folder, 'files-'));
  mkdirSync(join(place, 'test'));
  writeFileSync(
    join(place, 'test', 'events.ts'),
    `export { default } from ${JSON.stringify(join(root, 'test/events.ts'))};`,
  );
  const start = `import { test } from 'node:test';
import { engineSuite, NotToBeHad } from ${JSON.stringify(join(support, 'suite.ts'))};\n`;
  writeFileSync(join(place, 'a.test.ts'), start + source);
  const signal = new AbortController().signal;
  return runFile({ file: 'a.test.ts', root: place, testTimeoutMs: 30_000, signal });
}

test('tests of an engine that cannot be had are skipped with the reason, and those of others run', async () => {
  const result = await resultOf(`
    const good = { name: 'good', start: async () => ({ stop: async () => {} }) };
    const absent = { name: 'absent', start: async () => { throw new NotToBeHad('go cannot be run'); } };
    engineSuite('on both', { good, absent }, () => { test('never', () => { throw new Error('ran'); }); });
    engineSuite('on one', { good }, () => { test('one', () => {}); });`);
  assert.deepEqual(result.failed, []);
  assert.deepEqual(result.skipped, [{ name: 'on both', reason: 'go cannot be run' }]);
  assert.equal(result.passed, 1);
});

test('an engine that is there and does not start is a failure with the end of its log, and the others are stopped', async () => {
  const result = await resultOf(`
    import { writeFileSync } from 'node:fs';
    import { startServer } from ${JSON.stringify(join(support, 'server.ts'))};
    const other = { name: 'other', start: async () => ({ stop: async () => writeFileSync('${folder}/stopped', '') }) };
    const broken = { name: 'broken', start: () => startServer({ name: 'broken', command: 'sh',
      args: ['-c', 'echo the port is taken; exit 3'], logFile: '${folder}/log', isReady: async () => false }) };
    engineSuite('on both', { other, broken }, () => { test('never', () => {}); });`);
  assert.equal(result.passed, 0);
  assert.equal(result.failed.length, 1);
  assert.match(result.failed[0]!.why, /broken ended before it was ready.*\nthe port is taken/);
  assert.ok(existsSync(join(folder, 'stopped')));
});

test('a server and what it started end when whoever started it is killed', async () => {
  const pids = join(folder, 'pids');
  const source = join(folder, 'starter.ts');
  writeFileSync(
    source,
    `import { existsSync } from 'node:fs';
     import { startServer } from ${JSON.stringify(join(support, 'server.ts'))};
     await startServer({ name: 'nap', command: 'sh', args: ['-c', 'trap "" TERM; sleep 600 & echo $$ $! > ${pids}; wait'],
       logFile: '${folder}/nap.log', isReady: async () => existsSync('${pids}') });
     setInterval(() => {}, 1000);`,
  );
  const starter = spawn(process.execPath, [source], { stdio: 'ignore' });
  await until(() => existsSync(pids) && readFileSync(pids, 'utf8').includes('\n'), 'the server');
  const started = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
  assert.ok(started.every(isAlive));
  starter.kill('SIGKILL');
  await until(() => !started.some(isAlive), 'both to end');
});

test('a server that was stopped has ended, and its port is free again', async () => {
  const [port] = await freePorts(1);
  const script = `require('node:http').createServer((_, answer) => answer.end()).listen(${port}, '127.0.0.1')`;
  const start = () =>
    startServer({
      name: 'answering',
      command: process.execPath,
      args: ['-e', script],
      logFile: join(folder, 'answering.log'),
      isReady: async () => (await fetch(`http://127.0.0.1:${port}`)).ok,
    });
  for (const end of ['stop', 'kill'] as const) {
    const server = await start();
    await server[end]();
    assert.ok(!isAlive(server.pid));
    await assert.rejects(fetch(`http://127.0.0.1:${port}`));
  }
});

test('a download that fails leaves nothing that passes for an installed engine, and two that need it fetch it once', async () => {
  const cache = join(folder, 'cache');
  const source = join(folder, 'needs.ts');
  writeFileSync(
    source,
    `import { appendFileSync } from 'node:fs';
     import { cached } from ${JSON.stringify(join(support, 'cache.ts'))};
     const fails = process.argv[2] === 'fails';
     await cached('thing', ['1.0'], async (into) => {
       appendFileSync('${folder}/installs', 'x');
       appendFileSync(into + '/half', '1');
       if (fails) throw new Error('the line broke');
       await new Promise((resolve) => setTimeout(resolve, 300));
     });`,
  );
  const run = (...args: string[]) =>
    new Promise<number | null>((resolve) => {
      const env = { ...process.env, XDG_CACHE_HOME: cache };
      spawn(process.execPath, [source, ...args], { env, stdio: 'ignore' }).on('exit', resolve);
    });
  assert.equal(await run('fails'), 1);
  assert.deepEqual(await Promise.all([run(), run(), run()]), [0, 0, 0]);
  assert.equal(readFileSync(join(folder, 'installs'), 'utf8'), 'xx');
  const made = readdirSync(join(cache, 'tidemark-engines')).filter((name) => !name.endsWith('.lock'));
  assert.equal(made.length, 1);
  assert.match(made[0]!, /^thing-[0-9a-f]{16}$/);
});

test('a command that cannot be run, or fails, says so as a reason to skip', async () => {
  await assert.rejects(install('no-such-command', []), NotToBeHad);
  await assert.rejects(install('sh', ['-c', 'echo no such version; exit 1']), {
    message: /sh .*ended with 1: no such version/,
  });
});
