import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { z } from 'zod';
import { ask, startTestServer } from '../../test/support/running-server.ts';
import { jobOf, simulatedJobs } from '../jobs/scheduler.test-fixture.ts';
import * as schemas from '../protocol/job-schemas.ts';
import { problemSchema } from '../protocol/schemas.ts';

const closing: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closing) await close();
});

async function serve(t: Parameters<typeof simulatedJobs>[0]) {
  const jobs = await simulatedJobs(t, {
    jobs: [
      jobOf('talk', {
        work: async ({ log }) => {
          log('debug', 'a detail');
          log('info', 'it begins');
          await jobs.pause(1000);
          throw new Error('no luck');
        },
      }),
      jobOf('daily', { partitioning: 'day' }),
      jobOf('absent', { notAvailable: 'it is not built' }),
    ],
  });
  jobs.settle('2026-12-31', []);
  const server = await startTestServer({ jobs: jobs.desk, limits: { requestsPerSecond: 1_000_000 } });
  closing.push(() => server.close());
  const post = (path: string, body: unknown = {}) =>
    ask(server, `/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const get = (path: string) => ask(server, `/api/v1/${path}`);
  return { jobs, server, post, get };
}

test('metrics say which jobs fail, are paused and when they come next, and that the record cannot be read', async (t) => {
  const { jobs, server, post } = await serve(t);
  await post('jobs/talk/runs', { attempts: 1 });
  await post('jobs/daily/pause');
  await jobs.advance(2000);
  const metrics = async () => (await ask(server, '/api/v1/metrics')).text;
  const text = await metrics();
  for (const line of [
    /^tidemark_job_record_up 1$/m,
    /^tidemark_job_runs\{state="failed"\} 1$/m,
    /^tidemark_job_failing\{job="talk"\} 1$/m,
    /^tidemark_job_failing\{job="daily"\} 0$/m,
    /^tidemark_job_paused\{job="daily"\} 1$/m,
    /^tidemark_job_latest_ended_timestamp_seconds\{job="talk"\} \d+/m,
    /^tidemark_job_slots_used 0$/m,
  ])
    assert.match(text, line);
  assert.doesNotMatch(text, /job="absent"/);
  t.mock.method(jobs.desk, 'overview', () => Promise.reject(new Error('the record is away')));
  const away = await metrics();
  assert.match(away, /^tidemark_job_record_up 0$/m);
  assert.doesNotMatch(away, /^tidemark_job_failing\{/m);
});

test('every answer about jobs is what its schema says', async (t) => {
  const { jobs, post, get } = await serve(t);
  const asked = await post('jobs/talk/runs');
  assert.equal(asked.status, 202);
  const { id } = schemas.runRowSchema.parse(asked.json);
  const caught = await post('jobs/daily/catch-ups', { from: '2026-03-01', to: '2026-03-03', atOnce: 2 });
  assert.equal(caught.status, 202);
  await jobs.advance(500);
  const answers: [Awaited<ReturnType<typeof get>>, z.ZodType][] = [
    [asked, schemas.runRowSchema],
    [caught, schemas.catchUpRowSchema],
    [await get('jobs'), schemas.jobsAnswerSchema],
    [await get('runs'), schemas.runsAnswerSchema],
    [await get('catch-ups/1'), schemas.catchUpRowSchema],
    [await get(`runs?job=daily&state=done&cause=catch-up&limit=2`), schemas.runsAnswerSchema],
    [await get(`runs/${id}`), schemas.runAnswerSchema],
    [await get(`runs/${id}/log`), schemas.runLogAnswerSchema],
    [await get('jobs/timeline?from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z'), schemas.timelineAnswerSchema],
    [await post('jobs/talk/pause'), schemas.jobRowSchema],
    [await post('jobs/talk/resume'), schemas.jobRowSchema],
    [await post(`runs/${id}/cancel`), schemas.runRowSchema],
  ];
  for (const [answer, schema] of answers) {
    const parsed = schema.safeParse(answer.json);
    assert.ok(parsed.success, `${answer.text}: ${parsed.error?.message}`);
    assert.deepEqual(parsed.data, answer.json, 'it has a field that the schema lacks');
  }
});

test('a log is followed by asking for what came after, and says when it has ended', async (t) => {
  const { jobs, post, get } = await serve(t);
  const { id } = (await post('jobs/talk/runs')).json;
  await jobs.advance(500);
  const first = (await get(`runs/${id}/log`)).json;
  assert.deepEqual(
    [first.lines.map(({ text }: { text: string }) => text), first.isEnded],
    [['a detail', 'it begins'], false],
  );
  const onlyInfo = (await get(`runs/${id}/log?level=info&limit=1`)).json;
  assert.deepEqual(
    onlyInfo.lines.map(({ sequence }: { sequence: number }) => sequence),
    [2],
  );
  await jobs.advance(60_000);
  const rest = (await get(`runs/${id}/log?after=2`)).json;
  assert.ok(rest.isEnded);
  assert.deepEqual(
    rest.lines.map(({ level }: { level: string }) => level).filter((level: string) => level === 'error').length,
    3,
  );
  const { run, attempts } = (await get(`runs/${id}`)).json;
  assert.deepEqual([run.state, attempts.length, run.error.message], ['failed', 3, 'no luck']);
  assert.equal((await post(`runs/${id}/retry`)).json.state, 'queued');
});

test('what is wrong with a request is said as a problem, with the status that fits', async (t) => {
  const { post, get } = await serve(t);
  const refused: [ReturnType<typeof get>, number, RegExp][] = [
    [get('runs/99'), 404, /find the run 99/],
    [get('runs/x'), 400, /it is no id/],
    [get('runs/99/log'), 404, /find the run/],
    [get('runs?state=dnoe'), 400, /did you mean done\?/],
    [get('runs?jbo=x'), 400, /did you mean job\?/],
    [get('runs?job=dialy'), 404, /did you mean daily\?/],
    [get('jobs/timeline?from=now&to=now-1h'), 400, /the range is empty/],
    [post('jobs/nothing/runs'), 404, /there is none of that name/],
    [post('jobs/daily/runs'), 400, /no day is named/],
    [post('jobs/daily/runs', { partition: '2026-02-30' }), 400, /is no day/],
    [post('jobs/daily/runs', { day: '2026-02-03' }), 400, /no such key/],
    [post('jobs/absent/runs'), 409, /it is not built/],
    [post('jobs/daily/catch-ups', { from: '2026-03-01' }), 400, /body key to/],
    [post('runs/99/cancel'), 404, /find the run/],
    [post('catch-ups/99/pause'), 404, /find the catch-up/],
    [get('catch-ups/99'), 404, /find the catch-up 99: there is none/],
    [get('jobs/daily/runs'), 404, /nothing at this address/],
  ];
  for (const [answer, status, detail] of refused) {
    const { json, text } = await answer;
    const problem = problemSchema.parse(json);
    assert.equal(problem.status, status, text);
    assert.match(problem.detail, detail);
  }
});

test('the jobs are in the OpenAPI document, and a page of another site cannot start one', async (t) => {
  const { server, get } = await serve(t);
  const { paths } = (await get('openapi.json')).json;
  assert.ok('/api/v1/jobs/{name}/runs' in paths && '/api/v1/runs/{id}/log' in paths);
  const foreign = await ask(server, '/api/v1/jobs/talk/runs', {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: 'https://elsewhere.example' },
    body: '{}',
  });
  assert.equal(foreign.status, 403);
});
