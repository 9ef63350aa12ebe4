import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSqliteJobs } from '../../src/catalog/sqlite-jobs.ts';
import { beforeOf, effectOf, effectPath, jobCount, nameOf } from './fifty-jobs.fixture.ts';

const kills = 20;
const workMs = 150;
const fixture = fileURLToPath(new URL('./fifty-jobs.fixture.ts', import.meta.url));

interface Child {
  readonly process: ChildProcess;
  readonly started: Promise<void>;
  readonly ended: Promise<{ code: number | null; output: string }>;
}

function startChild(folder: string): Child {
  const process_ = spawn(process.execPath, [fixture, folder, String(workMs)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let isStarted: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    isStarted = resolve;
  });
  process_.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes('started')) isStarted();
  });
  process_.stderr!.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    process_.on('close', (code) => {
      isStarted();
      resolve({ code, output });
    });
  });
  return { process: process_, started, ended };
}

test('a graph of fifty jobs ends with every run done once in effect, though its process is killed twenty times', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-jobs-kill-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let killed = 0;
  let child = startChild(folder);
  t.after(() => child.process.kill('SIGKILL'));
  let last: { code: number | null; output: string } | undefined;
  while (last === undefined) {
    if (killed === kills) {
      last = await child.ended;
      break;
    }
    await child.started;
    const waitMs = Math.random() * 300;
    const end = await Promise.race([child.ended, new Promise<void>((resolve) => setTimeout(resolve, waitMs))]);
    if (end !== undefined) {
      last = end;
      break;
    }
    child.process.kill('SIGKILL');
    await child.ended;
    killed += 1;
    child = startChild(folder);
  }
  assert.deepEqual([last.code, last.output], [0, 'started\nall done\n']);
  assert.equal(killed, kills, 'the graph was still running at the last kill');

  const effects = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  assert.deepEqual(
    effects.sort(),
    Array.from({ length: jobCount }, (_, at) => `${nameOf(at)}.txt`),
  );
  const read = (at: number): string => readFileSync(effectPath(folder, at), 'utf8');
  for (let at = 0; at < jobCount; at++) assert.equal(read(at), effectOf(at, read), nameOf(at));

  const store = await openSqliteJobs(join(folder, 'jobs.sqlite'));
  t.after(() => store.close());
  const runs = (await store.runs({ limit: 1000 })).toReversed();
  assert.deepEqual(
    runs.map(({ job, state }) => `${job} ${state}`).sort(),
    Array.from({ length: jobCount }, (_, at) => `${nameOf(at)} done`),
    'every job has one run, and it is done',
  );
  const starts = readFileSync(join(folder, 'starts.log'), 'utf8').trim().split('\n');
  let lost = 0;
  for (const run of runs) {
    const attempts = await store.attempts(run.id);
    assert.equal(attempts.length, run.attempts);
    assert.equal(attempts.filter(({ outcome }) => outcome === 'done').length, 1);
    assert.equal(attempts.at(-1)?.outcome, 'done', 'nothing ran after it was done');
    assert.ok(attempts.every(({ outcome, endedAtUs }) => outcome !== 'running' && endedAtUs !== null));
    lost += attempts.filter(({ outcome }) => outcome === 'lost').length;
    // An attempt is recorded before its work begins: history may know one that did nothing, never the other way round.
    const known = new Set(attempts.map(({ attempt }) => `${run.job} ${run.id} ${attempt}`));
    const real = starts.filter((line) => line.startsWith(`${run.job} `));
    assert.equal(new Set(real).size, real.length, 'no attempt ran twice');
    for (const line of real) assert.ok(known.has(line), `${line} is not in the history`);
    for (const before of beforeOf(runs.indexOf(run) < 0 ? 0 : Number(run.job.slice(4)))) {
      const done = runs.find(({ job }) => job === nameOf(before))!;
      assert.ok(done.endedAtUs! <= attempts[0]!.startedAtUs, `${run.job} began after ${nameOf(before)} was done`);
    }
  }
  assert.ok(lost > 0, 'some attempts died with their process, and the history says so');
});
