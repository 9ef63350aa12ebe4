import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cron } from '../schedule.ts';
import { jobOf } from '../scheduler.test-fixture.ts';
import { airflowFile } from './airflow.ts';
import { jobGroups } from './groups.ts';
import { prefectFile } from './prefect.ts';

const day = { partitioning: 'day' } as const;
const jobs = [
  jobOf('compact', { isUpkeep: true, schedule: { kind: 'interval', everyMs: 30_000 } }),
  jobOf('absent', { notAvailable: 'no' }),
  jobOf('report', { arguments: { subject: /x/ } }),
  jobOf('verify', { schedule: cron('30 4 * * 1-5', 'Europe/Berlin') }),
  jobOf('mail', { ...day, schedule: { kind: 'after' }, after: ['reports', 'absent-too'] }),
  jobOf('absent-too', { ...day, notAvailable: 'no' }),
  jobOf('reports', { ...day, schedule: { kind: 'settled' }, description: 'reports “quoted” \\ "so"' }),
];

test('an orchestrator gets what runs by schedule, with what follows it, and nothing that the engine does anyway', () => {
  assert.deepEqual(
    jobGroups(jobs).map(({ name, jobs: members }) => [name, members.map((job) => [job.name, job.after])]),
    [
      ['verify', [['verify', []]]],
      [
        'reports',
        [
          ['reports', []],
          ['mail', ['reports']],
        ],
      ],
    ],
  );
});

test('both files have the command, the schedules, the dependencies and the retries of the jobs, in ASCII', () => {
  const command = ['node', '/opt/tide mark/main.ts', '--config', "it's.yaml"];
  const dags = airflowFile(jobs, command);
  const flows = prefectFile(jobs, command);
  for (const text of [dags, flows]) {
    assert.match(text, /TIDEMARK = \["node", "\/opt\/tide mark\/main\.ts", "--config", "it's\.yaml"\]/);
    assert.match(text, /"30 4 \* \* 1-5", timezone="Europe\/Berlin"/);
    assert.match(text, /reports \\u201cquoted\\u201d \\\\ \\"so\\"/);
    assert.match(text, /retries=2, retry_delay_s=1, timeout_s=60/);
    assert.ok(!/compact|absent|"report"/.test(text));
    assert.ok([...text].every((letter) => letter.charCodeAt(0) < 127));
  }
  assert.match(dags, /\[reports\] >> mail/);
  assert.match(flows, /mail = job\("mail", "--day", day, after=\[reports\]/);
});
