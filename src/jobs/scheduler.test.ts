import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { cron } from './schedule.ts';
import { jobOf, simulatedJobs } from './scheduler.test-fixture.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

test('a cron job runs at each of its instants, once', async (t) => {
  const at: string[] = [];
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        schedule: cron('*/15 * * * *'),
        work: async () => ({ rows: at.push(jobs.nowIso().slice(11, 16)) }),
      }),
    ],
  });
  await jobs.advance(hour);
  assert.deepEqual(at, ['12:15', '12:30', '12:45', '13:00']);
  assert.deepEqual(
    (await jobs.runsOf('a')).map(({ state, cause, attempts }) => [state, cause, attempts]),
    [...Array(4).fill(['done', 'cron */15 * * * *', 1])],
  );
});

test('the night that skips an hour and the night that has one twice run a job at half past two once each', async (t) => {
  for (const [start, expected] of [
    ['2026-03-28T12:00:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['2026-10-24T12:00:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
  ] as const) {
    const at: string[] = [];
    const work = async () => ({ rows: at.push(jobs.nowIso().slice(0, 16)) });
    const jobs = await simulatedJobs(t, {
      startIso: start,
      jobs: [jobOf('a', { schedule: cron('30 2 * * *', 'Europe/Berlin'), work })],
    });
    await jobs.advance(2 * day);
    assert.deepEqual(at, expected);
  }
});

test('a clock that steps an hour back or ahead makes no instant run twice, and what was passed over runs once', async (t) => {
  const at: string[] = [];
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        schedule: cron('*/10 * * * *'),
        work: async () => ({ rows: at.push(jobs.nowIso().slice(11, 16)) }),
      }),
    ],
  });
  await jobs.advance(25 * minute);
  assert.deepEqual(at, ['12:10', '12:20']);
  jobs.stepClock(-hour);
  await jobs.advance(50 * minute);
  assert.deepEqual(at, ['12:10', '12:20'], 'these instants have run, whatever the clock says now');
  await jobs.advance(15 * minute);
  assert.deepEqual(at.slice(2), ['12:30']);
  jobs.stepClock(hour);
  await jobs.advance(minute);
  assert.equal(at.length, 4, 'six instants were passed over: one run makes up for them');
  await jobs.advance(10 * minute);
  assert.equal(at.length, 5);
});

test('an interval goes on by the monotonic clock through clock steps', async (t) => {
  const starts: number[] = [];
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        schedule: { kind: 'interval', everyMs: 20_000 },
        work: async () => ({ rows: starts.push(jobs.clock.monotonicUs() / 1e6) }),
      }),
    ],
  });
  await jobs.advance(minute);
  jobs.stepClock(-hour);
  await jobs.advance(minute);
  jobs.stepClock(2 * hour);
  await jobs.advance(minute);
  assert.deepEqual(starts.map(Math.round), [20, 40, 60, 80, 100, 120, 140, 160, 180]);
});

test('a clock that was a year ahead does not stop schedules for a year', async (t) => {
  let runs = 0;
  const jobs = await simulatedJobs(t, {
    jobs: [jobOf('a', { schedule: cron('0 * * * *'), work: async () => ({ rows: ++runs }) })],
  });
  jobs.stepClock(365 * day);
  await jobs.advance(minute);
  assert.equal(runs, 1);
  jobs.stepClock(-365 * day);
  await jobs.advance(2 * hour);
  assert.equal(runs, 3);
});

test('after a long downtime a job runs once, a job with one run a day once for each day', async (t) => {
  const jobs = await simulatedJobs(t, {
    startIso: '2026-03-10T12:00:00Z',
    jobs: [
      jobOf('plain', { schedule: cron('*/5 * * * *') }),
      jobOf('daily', { schedule: cron('15 0 * * *'), partitioning: 'day' }),
    ],
  });
  jobs.settle('2026-12-31', []);
  await jobs.advance(minute);
  await jobs.crash(4 * day);
  await jobs.advance(minute);
  assert.equal((await jobs.runsOf('plain')).length, 1);
  assert.deepEqual(
    (await jobs.runsOf('daily')).map(({ partition, state }) => [partition, state]),
    ['2026-03-10', '2026-03-11', '2026-03-12', '2026-03-13'].map((date) => [date, 'done']),
  );
});

test('a failed run is tried again, later each time, and fails after its last attempt', async (t) => {
  const at: number[] = [];
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        maxAttempts: 4,
        retryDelayMs: 10_000,
        work: async (context) => {
          at.push(jobs.clock.monotonicUs() / 1e6);
          context.log('info', `attempt ${context.attempt}`);
          throw new Error('no luck: postgres://user:secret@host/db');
        },
      }),
    ],
  });
  const { id } = await jobs.desk.start('a', {});
  await jobs.advance(5 * minute);
  const { run, attempts, command } = await jobs.desk.run(id);
  assert.equal(run.state, 'failed');
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    ['failed', 'failed', 'failed', 'failed'],
  );
  const waits = at.slice(1).map((end, index) => end - at[index]!);
  for (const [index, wait] of waits.entries()) {
    const longest = 10 * 2 ** index;
    assert.ok(wait >= longest / 2 && wait <= longest + 0.1, `wait ${index} took ${wait} s`);
  }
  const { lines, isEnded } = await jobs.desk.log(id, { after: 0, limit: 100, level: 'info' });
  assert.ok(isEnded);
  assert.deepEqual(
    lines.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.ok(
    lines.every(({ text }) => !text.includes('secret')),
    'a password in an address is not kept',
  );
  assert.ok(!run.error!.message.includes('secret'));
  assert.equal(command, 'tidemark jobs run a');
});

test('what would fail the same way again is not tried again', async (t) => {
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        work: async () => {
          throw new TidemarkError('bad-query', { doing: 'read', what: 'it' });
        },
      }),
    ],
  });
  const { id } = await jobs.desk.start('a', {});
  await jobs.advance(minute);
  const { run } = await jobs.desk.run(id);
  assert.deepEqual([run.state, run.attempts, run.error?.code], ['failed', 1, 'bad-query']);
});

test('a run that takes too long is told to end; one that does not listen loses its slot but not its place', async (t) => {
  let under = 0;
  let most = 0;
  const jobs = await simulatedJobs(t, {
    slots: 1,
    jobs: [
      jobOf('deaf', {
        timeoutMs: 5000,
        maxAttempts: 2,
        work: async () => {
          under += 1;
          most = Math.max(most, under);
          await jobs.pause(minute);
          under -= 1;
          return {};
        },
      }),
      jobOf('other'),
    ],
  });
  const { id } = await jobs.desk.start('deaf', {});
  await jobs.advance(20_000);
  const { id: other } = await jobs.desk.start('other', {});
  await jobs.advance(5000);
  assert.equal((await jobs.desk.run(other)).run.state, 'done', 'the slot is free');
  assert.deepEqual(
    (await jobs.desk.run(id)).attempts.map(({ outcome }) => outcome),
    ['timed-out'],
  );
  await jobs.advance(10 * minute);
  assert.equal(most, 1, 'never two at once of a job with one at once');
  assert.equal((await jobs.desk.run(id)).run.state, 'failed');
});

test('slots, places of a job, groups and rates are never exceeded, and upkeep needs no slot', async (t) => {
  const under = new Map<string, number>();
  const most = new Map<string, number>();
  const change = (names: string[], by: number) => {
    for (const name of names) {
      under.set(name, (under.get(name) ?? 0) + by);
      most.set(name, Math.max(most.get(name) ?? 0, under.get(name)!));
    }
  };
  const starts: number[] = [];
  const work = (name: string, names: string[]) => async () => {
    if (name === 'rated') starts.push(jobs.clock.monotonicUs() / 1e6);
    change([name, ...names], 1);
    await jobs.pause(3000);
    change([name, ...names], -1);
    return {};
  };
  const jobs = await simulatedJobs(t, {
    slots: 3,
    jobs: [
      jobOf('two', { concurrency: 2, work: work('two', ['all']) }),
      jobOf('x', { group: 'lake', work: work('x', ['all', 'lake']) }),
      jobOf('y', { group: 'lake', work: work('y', ['all', 'lake']) }),
      jobOf('rated', { concurrency: 9, rate: { runs: 2, perMs: 30_000 }, work: work('rated', ['all']) }),
      jobOf('upkeep', { isUpkeep: true, work: work('upkeep', []) }),
    ],
  });
  for (let round = 0; round < 6; round++) {
    for (const name of ['two', 'x', 'y', 'rated']) await jobs.desk.start(name, {});
  }
  await jobs.advance(1000);
  const { id } = await jobs.desk.start('upkeep', {});
  await jobs.advance(1000);
  assert.equal((await jobs.desk.run(id)).run.state, 'running');
  const waits = (await jobs.desk.runs({ states: ['queued'], limit: 50 })).runs.map(({ waitsFor }) => waitsFor);
  assert.ok(waits.includes('a slot') && waits.includes('x: one at a time of lake'), String(waits));
  await jobs.advance(5 * minute);
  assert.deepEqual((await jobs.desk.overview()).counts.done, 25);
  assert.deepEqual([most.get('all'), most.get('two'), most.get('lake')], [3, 2, 1]);
  for (const [index, at] of starts.entries()) {
    if (index >= 2) assert.ok(at - starts[index - 2]! >= 30, `start ${index} came too soon`);
  }
});

test('larger priority goes first, then who waits longer', async (t) => {
  const order: string[] = [];
  const work = (name: string) => async () => {
    order.push(name);
    await jobs.pause(1000);
    return {};
  };
  const jobs = await simulatedJobs(t, {
    slots: 1,
    jobs: ['a', 'b', 'c'].map((name, index) => jobOf(name, { priority: index === 2 ? 5 : 0, work: work(name) })),
  });
  for (const name of ['a', 'b', 'c', 'a']) await jobs.desk.start(name, {});
  await jobs.advance(minute);
  assert.deepEqual(order, ['a', 'c', 'b', 'a'], 'the first began before the others were asked for');
});
