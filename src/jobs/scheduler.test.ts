import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TidemarkError } from '../domain/error.ts';
import { silentLog } from '../ports/log.ts';
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
  const logged: string[] = [];
  const jobs = await simulatedJobs(t, {
    log: { ...silentLog, error: (fields, message) => void logged.push(`${message}: ${JSON.stringify(fields)}`) },
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
  assert.match(logged.join(), /^a run failed: {"job":"a","run":1,"error":"cannot read it","code":"bad-query"}$/);
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

test('a job that comes after two runs once both are done, and again for each partition', async (t) => {
  const order: string[] = [];
  const work = (name: string, ms: number) => async (context: { partition: string | undefined }) => {
    await jobs.pause(ms);
    order.push(`${name} ${context.partition}`);
    return {};
  };
  const day = { partitioning: 'day' } as const;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('last', { ...day, schedule: { kind: 'after' }, after: ['left', 'right'], work: work('last', 10) }),
      jobOf('left', { ...day, schedule: { kind: 'after' }, after: ['first'], work: work('left', 1000) }),
      jobOf('right', { ...day, schedule: { kind: 'after' }, after: ['first'], work: work('right', 3000) }),
      jobOf('first', { ...day, schedule: { kind: 'settled' }, work: work('first', 10) }),
    ],
  });
  jobs.settle('2026-03-08', ['2026-03-06', '2026-03-07', '2026-03-08']);
  await jobs.advance(5 * minute);
  jobs.settle('2026-03-09', ['2026-03-08', '2026-03-09']);
  await jobs.advance(5 * minute);
  for (const date of ['2026-03-08', '2026-03-09']) {
    const of = order.filter((line) => line.endsWith(date)).map((line) => line.split(' ')[0]);
    assert.deepEqual([of[0], of.slice(1, 3).sort(), of[3], of.length], ['first', ['left', 'right'], 'last', 4], date);
  }
  const last = await jobs.runsOf('last');
  assert.deepEqual(
    last.map(({ cause }) => cause),
    ['after right', 'after right'],
  );
  await jobs.advance(10 * minute);
  assert.equal(order.length, 8, 'a settled day is run once, and at first only the newest');
});

test('a job waits while one before it has failed, and goes on when that was repeated', async (t) => {
  let isBroken = true;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('first', {
        maxAttempts: 1,
        work: async () => {
          if (isBroken) throw new Error('broken');
          return {};
        },
      }),
      jobOf('then', { schedule: cron('0 13 * * *'), after: ['first'] }),
    ],
  });
  const { id } = await jobs.desk.start('first', {});
  await jobs.advance(hour);
  const [waiting] = await jobs.runsOf('then');
  assert.deepEqual([waiting?.state, waiting?.waitsFor], ['queued', 'first, which is failed']);
  isBroken = false;
  await jobs.desk.retry(id);
  await jobs.advance(minute);
  assert.equal((await jobs.desk.run(id)).run.state, 'done');
  assert.equal((await jobs.runsOf('then'))[0]?.state, 'done');
  await assert.rejects(jobs.desk.retry(id), { code: 'job-conflict' });
});

test('a graph with a circle, an unknown name or partitions that do not fit is refused', async () => {
  const { JobGraph } = await import('./graph.ts');
  const refused: [Parameters<typeof jobOf>[], RegExp][] = [
    [
      [
        ['a', { after: ['b'] }],
        ['b', { after: ['c'] }],
        ['c', { after: ['a'] }],
      ],
      /it comes after itself: a → c → b → a/,
    ],
    [[['a', { after: ['a'] }]], /after itself: a → a/],
    [[['models'], ['b', { after: ['modles'] }]], /there is no such job — did you mean models\?/],
    [[['a'], ['a']], /two of that name/],
    [[['A b']], /that is no name/],
    [[['a', { schedule: { kind: 'after' } }]], /there are none/],
    [[['a', { schedule: { kind: 'settled' } }]], /has no run a day/],
    [[['a', { partitioning: 'day', schedule: { kind: 'interval', everyMs: 1000 } }]], /says no day/],
    [[['a'], ['b', { partitioning: 'day', after: ['a'] }]], /not partitioned alike/],
  ];
  for (const [jobs, message] of refused) {
    assert.throws(() => new JobGraph(jobs.map((one) => jobOf(...one))), { code: 'bad-jobs', message });
  }
});

test('a catch-up runs each day of its range once, in the order asked, no more at once than asked, with the jobs after', async (t) => {
  const ran: string[] = [];
  let under = 0;
  let most = 0;
  const work = (name: string) => async (context: { partition: string | undefined }) => {
    under += 1;
    most = Math.max(most, under);
    await jobs.pause(1000);
    under -= 1;
    ran.push(`${name} ${context.partition}`);
    if (name === 'a' && context.partition === '2026-03-03' && !ran.includes('mended')) throw new Error('broken day');
    return {};
  };
  const day = { partitioning: 'day', concurrency: 4 } as const;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', { ...day, maxAttempts: 1, work: work('a') }),
      jobOf('b', { ...day, after: ['a'], schedule: { kind: 'after' }, work: work('b') }),
      jobOf('c', { ...day, after: ['b'], schedule: { kind: 'after' }, work: work('c') }),
      jobOf('other', { ...day, work: work('other') }),
    ],
  });
  jobs.settle('2026-03-04', []);
  const asked = await jobs.desk.catchUp('a', {
    from: '2026-03-01',
    to: '2026-03-05',
    atOnce: 2,
    order: 'newest-first',
    withFollowing: true,
  });
  assert.deepEqual([asked.jobs, asked.days.length], [['a', 'b', 'c'], 15]);
  await jobs.advance(2 * minute);
  assert.equal(most, 2);
  const stateOf = async (job: string, date: string) =>
    (await jobs.desk.overview()).catchUps[0]!.days.find((one) => one.job === job && one.date === date)!.state;
  assert.deepEqual(ran.filter((line) => line.startsWith('a')).slice(0, 2), ['a 2026-03-04', 'a 2026-03-03']);
  assert.equal(await stateOf('a', '2026-03-05'), 'held', 'that day is not settled');
  assert.equal(await stateOf('a', '2026-03-03'), 'failed');
  assert.equal(await stateOf('b', '2026-03-03'), 'queued', 'it waits for the day before it in the graph');
  assert.equal(await stateOf('c', '2026-03-01'), 'done');
  const { runs } = await jobs.desk.runs({ job: 'b', limit: 9 });
  assert.ok(runs.some(({ waitsFor }) => waitsFor === 'a, which is failed'));

  await jobs.desk.changeCatchUp(asked.id, 'pause');
  jobs.settle('2026-03-05', []);
  ran.push('mended');
  const broken = (await jobs.desk.runs({ job: 'a', states: ['failed'], limit: 9 })).runs[0]!;
  await jobs.desk.retry(broken.id);
  const before = ran.length;
  await jobs.advance(minute);
  assert.equal(ran.length, before, 'nothing starts while it is paused');
  await jobs.desk.changeCatchUp(asked.id, 'resume');
  await jobs.advance(minute);
  const [after] = (await jobs.desk.overview()).catchUps;
  assert.deepEqual([after!.state, after!.days.filter(({ state }) => state === 'done').length], ['done', 15]);
  for (const name of ['a', 'b', 'c']) {
    const dates = ran.filter((line) => line.startsWith(`${name} `));
    assert.equal(new Set(dates).size, 5);
    assert.equal(dates.length, name === 'a' ? 6 : 5, 'only the broken day ran twice');
  }
  await assert.rejects(jobs.desk.changeCatchUp(asked.id, 'cancel'), { code: 'job-conflict' });
});

test('a cancelled catch-up ends what runs and leaves nothing queued', async (t) => {
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        partitioning: 'day',
        work: async ({ signal }) => {
          await jobs.pause(10_000);
          signal.throwIfAborted();
          return {};
        },
      }),
    ],
  });
  jobs.settle('2026-12-31', []);
  const { id } = await jobs.desk.catchUp('a', { from: '2026-01-01', to: '2026-01-31' });
  await jobs.advance(15_000);
  await jobs.desk.changeCatchUp(id, 'cancel');
  await jobs.advance(minute);
  const { counts } = await jobs.desk.overview();
  assert.deepEqual([counts.done, counts.cancelled, counts.queued + counts.running], [1, 30, 0]);
});

test('what is refused is refused before there is a run', async (t) => {
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('plain', { arguments: { table: /^[a-z]+$/ } }),
      jobOf('daily', { partitioning: 'day' }),
      jobOf('not-here', { notAvailable: 'the archive is not read yet' }),
    ],
  });
  const refused: [() => Promise<unknown>, string, RegExp][] = [
    [() => jobs.desk.start('plan', {}), 'unknown-job', /did you mean plain\?/],
    [() => jobs.desk.start('plain', { partition: '2026-03-01' }), 'bad-run', /no run a day/],
    [() => jobs.desk.start('plain', { arguments: { tabel: 'x' } }), 'bad-run', /it takes table/],
    [() => jobs.desk.start('plain', { arguments: { table: 'X; DROP' } }), 'bad-run', /is no table/],
    [() => jobs.desk.start('daily', {}), 'bad-run', /no day is named/],
    [() => jobs.desk.start('daily', { partition: '2026-02-30' }), 'bad-run', /is no day/],
    [() => jobs.desk.start('not-here', {}), 'not-available', /the archive is not read yet/],
    [() => jobs.desk.catchUp('plain', { from: '2026-03-01', to: '2026-03-02' }), 'bad-run', /no run a day/],
    [() => jobs.desk.catchUp('daily', { from: '2026-03-02', to: '2026-03-01' }), 'bad-run', /lies after/],
    [() => jobs.desk.catchUp('daily', { from: '1900-01-01', to: '2026-03-01' }), 'bad-run', /more than 20000 runs/],
    [() => jobs.desk.cancel(99), 'unknown-run', /there is none/],
    [() => jobs.desk.log(99, { after: 0, limit: 1, level: 'debug' }), 'unknown-run', /there is none/],
    [() => jobs.desk.changeCatchUp(9, 'pause'), 'unknown-catch-up', /find the catch-up 9/],
  ];
  for (const [ask, code, message] of refused) await assert.rejects(ask(), { code, message });
  assert.equal((await jobs.desk.runs({ limit: 9 })).kept, 0);
});

test('a paused job makes and starts nothing, goes on where it was, and runs when asked by hand', async (t) => {
  const jobs = await simulatedJobs(t, { jobs: [jobOf('a', { schedule: cron('*/10 * * * *') })] });
  await jobs.advance(12 * minute);
  assert.ok((await jobs.desk.pause('a')).isPaused);
  await jobs.advance(hour);
  assert.equal((await jobs.runsOf('a')).length, 1);
  await jobs.desk.start('a', {});
  await jobs.advance(minute);
  assert.equal((await jobs.runsOf('a')).length, 2);
  await jobs.crash();
  await jobs.advance(hour);
  assert.equal((await jobs.runsOf('a')).length, 2, 'it stays paused across a restart');
  assert.ok(!(await jobs.desk.resume('a')).isPaused);
  await jobs.advance(minute);
  assert.equal((await jobs.runsOf('a')).length, 3, 'one run makes up for all that was passed over');
});

test('a run whose inputs are those of the last one done is skipped; idle runs in a row leave one', async (t) => {
  let inputs = 'one';
  let works = 0;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('careful', { inputs: async () => inputs, work: async () => ({ rows: ++works }) }),
      jobOf('idle', { schedule: { kind: 'interval', everyMs: 30_000 }, work: async () => ({ isIdle: true }) }),
    ],
  });
  const run = async () => {
    const { id } = await jobs.desk.start('careful', {});
    await jobs.advance(1000);
    return (await jobs.desk.run(id)).run;
  };
  assert.equal((await run()).state, 'done');
  const second = await run();
  assert.deepEqual([second.state, second.effect], ['skipped', 'inputs unchanged']);
  inputs = 'two';
  assert.equal((await run()).state, 'done');
  assert.equal(works, 2);
  await jobs.advance(hour);
  assert.equal((await jobs.runsOf('idle')).length, 1);
  await jobs.desk.start('idle', {});
  await jobs.advance(hour);
  assert.equal((await jobs.runsOf('idle')).length, 2, 'what was asked for by hand is kept');
});

test('runs that died with their process are tried again, lost attempts are history, and one that always dies ends', async (t) => {
  let isDeadly = true;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        maxAttempts: 2,
        work: async () => {
          if (isDeadly) await new Promise(() => {});
          return {};
        },
      }),
      jobOf('deadly', { timeoutMs: 90 * day, work: () => new Promise(() => {}) }),
    ],
  });
  const { id } = await jobs.desk.start('a', {});
  const { id: deadly } = await jobs.desk.start('deadly', {});
  for (let death = 0; death < 3; death++) {
    await jobs.advance(minute);
    await jobs.crash(5000);
  }
  isDeadly = false;
  await jobs.advance(minute);
  const { run, attempts } = await jobs.desk.run(id);
  assert.equal(run.state, 'done');
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    ['lost', 'lost', 'lost', 'done'],
  );
  for (const { startedAtUs, endedAtUs } of attempts) assert.ok(endedAtUs! >= startedAtUs);
  for (let death = 0; death < 8; death++) {
    await jobs.crash(1000);
    await jobs.advance(20 * minute);
  }
  const dead = (await jobs.desk.run(deadly)).run;
  assert.deepEqual([dead.state, dead.error?.message], ['failed', 'its process ended under it 10 times']);
});

test('a scheduler that another followed writes nothing more and says so', async (t) => {
  let works = 0;
  const jobs = await simulatedJobs(t, {
    jobs: [jobOf('a', { work: async () => ({ rows: ++works }) })],
  });
  const first = jobs.scheduler;
  const { id } = await jobs.desk.start('a', {});
  await jobs.advance(1000);
  await jobs.crash();
  await assert.rejects(first.ask('a', {}), { code: 'fence-lost' });
  await assert.rejects(first.done, { code: 'fence-lost' });
  assert.equal((await jobs.desk.run(id)).run.state, 'done');
  assert.equal(works, 1);
});

test('a stop tells work to end, and the run is taken up again by the next scheduler', async (t) => {
  let begun = 0;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        work: async ({ signal }) => {
          begun += 1;
          if (begun > 1) return {};
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          return {};
        },
      }),
    ],
  });
  const { id } = await jobs.desk.start('a', {});
  await jobs.advance(1000);
  await jobs.settled(jobs.scheduler.stop());
  assert.equal((await jobs.desk.run(id)).attempts[0]?.error?.code, 'stopped');
  await jobs.crash(1000);
  await jobs.advance(1000);
  const { run, attempts } = await jobs.desk.run(id);
  assert.deepEqual([run.state, attempts.map(({ outcome }) => outcome)], ['done', ['lost', 'done']]);
});

test('a full disk under the record loses nothing: ends are recorded when there is room again', async (t) => {
  let works = 0;
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('a', {
        work: async () => {
          works += 1;
          await jobs.pause(1000);
          return { rows: works };
        },
      }),
    ],
  });
  const { id } = await jobs.desk.start('a', {});
  await jobs.advance(500);
  const { store } = jobs;
  const change = store.change.bind(store);
  store.change = async () => {
    throw new TidemarkError('disk-full', { doing: 'record', retry: 'later' });
  };
  await jobs.advance(minute);
  assert.equal((await jobs.desk.run(id)).run.state, 'running');
  store.change = change;
  await jobs.advance(minute);
  const { run } = await jobs.desk.run(id);
  assert.deepEqual([run.state, run.rows, run.attempts, works], ['done', 1, 1, 1]);
});

test('history beyond what is kept is forgotten', async (t) => {
  const jobs = await simulatedJobs(t, {
    keep: { days: 2, runs: 1000 },
    jobs: [jobOf('a', { schedule: cron('0 * * * *') })],
  });
  await jobs.advance(5 * day);
  assert.equal((await jobs.runsOf('a')).length, 120);
  assert.equal(await jobs.settled(jobs.scheduler.forgetHistory()), 72);
  assert.equal((await jobs.runsOf('a')).length, 48);
});

test('whatever dies and however clocks step, each owed day is done once in effect, in the order of the graph', async (t) => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1000, max: 8 * hour }) }),
    fc.record({ kind: fc.constant('crash' as const), ms: fc.integer({ min: 0, max: 30 * hour }) }),
    fc.record({ kind: fc.constant('step' as const), ms: fc.integer({ min: -hour, max: hour }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3000 }) }),
  );
  let daysDone = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 3, maxLength: 14 }), fc.integer(), async (events, seed) => {
      const effects = new Map<string, number>();
      const problems: string[] = [];
      const under = new Set<string>();
      const work = (name: string) => async (context: { partition: string | undefined; attempt: number }) => {
        const key = `${name} ${context.partition}`;
        const mine = jobs.life;
        if (under.has(`${key} ${mine}`)) problems.push(`${key} ran twice at once`);
        under.add(`${key} ${mine}`);
        await jobs.pause(700);
        if (jobs.world.random.fraction() < 0.2) {
          under.delete(`${key} ${mine}`);
          throw new Error('no luck');
        }
        if (name !== 'a' && !effects.has(`a ${context.partition}`)) problems.push(`${key} before a`);
        if (name === 'c' && !effects.has(`b ${context.partition}`)) problems.push(`${key} before b`);
        effects.set(key, (effects.get(key) ?? 0) + 1);
        under.delete(`${key} ${mine}`);
        return {};
      };
      const day = { partitioning: 'day', maxAttempts: 20, retryDelayMs: 500 } as const;
      const jobs = await simulatedJobs(t, {
        seed,
        startIso: '2026-03-10T23:50:00Z',
        slots: 2,
        jobs: [
          jobOf('a', { ...day, schedule: cron('15 0 * * *'), work: work('a') }),
          jobOf('b', { ...day, schedule: { kind: 'after' }, after: ['a'], work: work('b') }),
          jobOf('c', { ...day, schedule: { kind: 'after' }, after: ['a', 'b'], work: work('c') }),
        ],
      });
      jobs.settle('2027-12-31', []);
      for (const { kind, ms } of events) {
        if (kind === 'step') jobs.stepClock(ms);
        else if (kind === 'crash') await jobs.crash(ms);
        else await jobs.advance(ms);
      }
      await jobs.advance(2 * hour);
      const last = jobs.nowIso();
      await jobs.advance(3 * hour);
      assert.deepEqual(problems, []);
      const through = new Date(Date.parse(last) - day.retryDelayMs - 15 * minute - 24 * hour)
        .toISOString()
        .slice(0, 10);
      const { runs } = await jobs.desk.runs({ limit: 10_000 });
      for (let date = '2026-03-10'; date <= through; ) {
        for (const name of ['a', 'b', 'c']) {
          const of = runs.filter((run) => run.job === name && run.partition === date);
          assert.deepEqual(
            of.map(({ state }) => state),
            ['done'],
            `${name} ${date}`,
          );
          const attempts = (await jobs.desk.run(of[0]!.id)).attempts;
          assert.equal(attempts.filter(({ outcome }) => outcome === 'done').length, 1);
        }
        daysDone += 1;
        date = new Date(Date.parse(date) + 24 * hour).toISOString().slice(0, 10);
      }
    }),
    { numRuns: 25 },
  );
  assert.ok(daysDone >= 15, `${daysDone} days were owed in all`);
});
