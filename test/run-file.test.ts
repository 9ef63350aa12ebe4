import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { root } from '../scripts/install-state.mjs';
import type { FileEvent } from './events.ts';
import { eventSplitter, runFile } from './run-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-runner-'));
mkdirSync(join(folder, 'test'));
symlinkSync(join(root, 'test', 'events.ts'), join(folder, 'test', 'events.ts'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function resultOf(source: string, testTimeoutMs = 60_000, namePattern?: string) {
  const file = `${Math.random().toString(36).slice(2)}.test.mjs`;
  writeFileSync(join(folder, file), `import { test, suite } from 'node:test';\n${source}`);
  const signal = new AbortController().signal;
  const result = await runFile({ file, root: folder, testTimeoutMs, signal, ...(namePattern && { namePattern }) });
  return { ...result, why: result.failed.map(({ why }) => why).join('\n') };
}

suite('one test file', () => {
  test('is counted test by test, with the reasons of those that were skipped', async () => {
    const result = await resultOf(`
      test('a', () => {});
      suite('s', () => { test('b', () => {}); });
      test('c', { skip: 'no engine here' }, () => {});
      test('d', () => { throw new Error('boom'); });`);
    assert.equal(result.passed, 2);
    assert.deepEqual(result.skipped, [{ name: 'c', reason: 'no engine here' }]);
    assert.deepEqual(
      result.failed.map(({ name, line }) => [name, line]),
      [['d', 6]],
    );
    assert.match(result.why, /boom/);
  });

  test('counts a failing subtest once, not again for its parent', async () => {
    const result = await resultOf(
      "test('p', async (t) => { await t.test('k', () => { throw new Error('boom'); }); });",
    );
    assert.deepEqual(
      result.failed.map(({ name }) => name),
      ['k'],
    );
  });

  test('ends although a server, a timer or a child with its output is left behind', async () => {
    const result = await resultOf(`
      import net from 'node:net'; import { spawn } from 'node:child_process';
      test('leaks', () => {
        net.createServer().listen(0); setInterval(() => {}, 1000);
        spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      });`);
    assert.equal(result.passed, 1);
    assert.deepEqual(result.failed, []);
  });

  test('fails a test that never settles', async () => {
    const result = await resultOf("test('waits', () => new Promise((done) => setTimeout(done, 1e8)));", 300);
    assert.equal(result.failed.length, 1);
    assert.match(result.why, /timed out/);
  });

  test('is killed when it spins without end', async () => {
    const result = await resultOf("test('spins', () => { for (;;); });", 200);
    assert.match(result.why, /said nothing for 0.2 s and was killed/);
  });

  test('fails when it ends in the middle, though with code 0', async () => {
    const result = await resultOf(`
      test('stays', () => new Promise((done) => setTimeout(done, 20)));
      test('leaves', () => { process.exit(0); });`);
    assert.match(result.why, /ended before its tests did/);
  });

  test('fails when it cannot be loaded, and its output says why', async () => {
    const result = await resultOf("throw new Error('cannot load');");
    assert.equal(result.failed.length, 1);
    assert.match(result.output, /cannot load/);
  });

  test('fails when it holds no test', async () => {
    assert.match((await resultOf('console.log(1);')).why, /holds no test/);
  });

  test('runs only the tests of a name', async () => {
    const result = await resultOf(
      "test('one', () => {}); test('two', () => { throw new Error('x'); });",
      60_000,
      'one',
    );
    assert.equal(result.passed, 1);
    assert.deepEqual(result.failed, []);
  });
});

test('events are told from what a file prints, however the stream is cut', () => {
  const text = 'hello \u001e{"type":"began","name":"a"}\nworld\n\u001e{"type":"ended"}\nbye';
  for (const size of [1, 2, 7, 200]) {
    const events: FileEvent[] = [];
    let printed = '';
    const push = eventSplitter(
      (event) => events.push(event),
      (output) => {
        printed += output;
      },
    );
    for (let at = 0; at < text.length; at += size) push(text.slice(at, at + size));
    assert.deepEqual(events, [{ type: 'began', name: 'a' }, { type: 'ended' }]);
    assert.equal(printed, 'hello world\nbye');
  }
});

test('a run without a matching file or test name fails, and still ends with the closing line', () => {
  for (const args of [['no/such/file'], ['house/lock', '--name', 'no such name'], ['--unknown']]) {
    const run = spawnSync(process.execPath, [join(root, 'test', 'run.ts'), ...args], { encoding: 'utf8' });
    assert.notEqual(run.status, 0);
    assert.match(run.stdout.trimEnd().split('\n').at(-1) ?? '', /^\d+ passed, [1-9]\d* failed, \d+ skipped$/);
  }
});
