import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ask, startTestServer } from '../../test/support/running-server.ts';
import { openFolderBlobs } from '../blobs/folder.ts';
import { TidemarkError } from '../domain/error.ts';
import { dayUs } from '../domain/interval.ts';
import type { Jobs, RunRequest } from '../ports/jobs.ts';
import { reportsAnswerSchema } from '../protocol/report-schemas.ts';
import { ReportShelf } from '../reports/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-report-routes-'));
const shelf = new ReportShelf(openFolderBlobs(folder));
const page = `<!doctype html><title>x</title>${'0123456789'.repeat(10)}`;
const id = 'daily-2026-03-18-market-r7';
const asked: { name: string; request: RunRequest }[] = [];
const jobs = {
  start: async (name: string, request: RunRequest) => {
    asked.push({ name, request });
    if (request.arguments?.['subject'] === 'binance:spot:BUSY')
      throw new TidemarkError('job-conflict', { doing: 'start', why: 'busy' });
    return { id: 4, job: name, state: 'queued' };
  },
} as unknown as Jobs;
const server = await startTestServer({ reports: shelf, jobs });
const none = await startTestServer();
await shelf.publish(
  {
    id,
    kind: 'daily',
    subject: 'market',
    title: 'Daily report, market, 2026-03-18',
    fromUs: 0,
    toUs: dayUs,
    madeAtUs: 5,
    catalogVersion: 7,
    heldIds: 3,
    expectedIds: 4,
    dataKind: 'simulated',
    state: 'partial',
    contentHash: 'ab',
    pdfAbsence: 'no browser',
  },
  [
    { name: 'report.html', bytes: Buffer.from(page) },
    { name: 'candles.csv', bytes: Buffer.from('a,b\r\n') },
    { name: 'candles.parquet', bytes: Buffer.from('PAR1') },
  ],
);

after(async () => {
  await server.close();
  await none.close();
  rmSync(folder, { recursive: true });
});

const file = (name: string, headers: Record<string, string> = {}) =>
  ask(server, `/api/v1/reports/${id}/${name}`, { headers });
const post = (body: unknown) =>
  ask(server, '/api/v1/reports', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('the list is what its schema says, filtered by kind and subject', async () => {
  const answer = await ask(server, '/api/v1/reports');
  assert.equal(answer.status, 200);
  assert.equal(reportsAnswerSchema.parse(answer.json).reports[0]?.id, id);
  assert.equal((await ask(server, '/api/v1/reports?kind=weekly')).json.reports.length, 0);
  assert.equal((await ask(server, '/api/v1/reports?subject=market&kind=daily')).json.reports.length, 1);
  const wrong = await ask(server, '/api/v1/reports?kind=dayly');
  assert.deepEqual([wrong.status, /did you mean daily/.test(wrong.text)], [400, true]);
});

test('the page comes under a policy that lets it do nothing but look as it looks', async () => {
  const answer = await file('report.html');
  assert.equal(answer.text, page);
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(answer.headers['content-disposition'], `inline; filename="${id}.html"`);
  const policy = String(answer.headers['content-security-policy']);
  assert.match(policy, /^default-src 'none'; style-src 'unsafe-inline'; .*sandbox$/);
  assert.ok(!policy.includes('script-src'));
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['x-tidemark-data-kind'], 'simulated');
});

test('data are attachments with their own types, and other answers keep the policy of the dashboard', async () => {
  const csv = await file('candles.csv');
  assert.deepEqual(
    [csv.headers['content-type'], csv.headers['content-disposition']],
    ['text/csv; charset=utf-8; header=present', `attachment; filename="${id}.candles.csv"`],
  );
  assert.equal((await file('candles.parquet')).headers['content-type'], 'application/vnd.apache.parquet');
  assert.match(String(csv.headers['content-security-policy']), /default-src 'self'/);
});

test('who has the file is told so, and who wants a part gets it', async () => {
  const { headers } = await file('report.html');
  assert.equal(headers.etag, `"${createHash('sha256').update(page).digest('hex').slice(0, 40)}"`);
  assert.equal((await file('report.html', { 'if-none-match': headers.etag! })).status, 304);
  const part = await file('report.html', { range: 'bytes=2-9' });
  assert.deepEqual(
    [part.status, part.text, part.headers['content-range']],
    [206, page.slice(2, 10), `bytes 2-9/${page.length}`],
  );
  assert.equal((await file('report.html', { range: 'bytes=-5' })).text, page.slice(-5));
  assert.equal((await file('report.html', { range: `bytes=${page.length - 3}-` })).text, page.slice(-3));
  assert.equal((await file('report.html', { range: `bytes=${page.length}-` })).status, 416);
  for (const range of ['bytes=9-2', 'bytes=-', 'bytes=0-1,3-4', 'lines=1-2'])
    assert.equal((await file('report.html', { range })).status, 200, range);
  assert.equal((await file('report.html', { range: 'bytes=0-1', 'if-range': '"other"' })).status, 200);
});

test('no address leads out of a report', async () => {
  for (const path of [
    `${id}/report.json`,
    `${id}/..%2f..%2fx`,
    `${id}/%2e%2e%2freport.html`,
    '..%2f..%2fcatalog.sqlite/report.html',
    `${id}%00/report.html`,
    `${id}/report.html%00`,
    'daily-2026-03-19-market-r7/report.html',
    `${id}/`,
  ]) {
    const answer = await ask(server, `/api/v1/reports/${path}`);
    assert.ok(answer.status === 404 || answer.status === 400, `${path}: ${answer.status}`);
    assert.ok(!answer.text.includes(folder));
  }
  const raw = await ask(server, `/api/v1/reports/${id}/../../status`);
  assert.ok(raw.status === 404 || raw.json?.version !== undefined);
});

test('a report that is asked for becomes a run, one that could only fail does not', async () => {
  asked.length = 0;
  const answer = await post({ subject: 'market', from: '2026-03-18', to: '2026-03-19T12:00Z' });
  assert.deepEqual([answer.status, answer.json.id], [202, 4]);
  assert.deepEqual(asked, [
    { name: 'report', request: { arguments: { subject: 'market', from: '1773792000000000', to: '1773921600000000' } } },
  ]);
  for (const body of [
    { subject: 'market', from: '2026-03-18', to: '2026-03-18' },
    { subject: 'BTCUSDT', from: '2026-03-18', to: '2026-03-19' },
    { subject: 'market', from: 'then', to: '2026-03-19' },
    { subject: 'market', from: '2026-03-18T00:00:01Z', to: '2026-03-19' },
    { subject: 'market', from: '2026-03-18' },
    { subject: 'market', from: '2026-03-18', to: '2026-03-19', folder: '/tmp' },
  ]) {
    assert.equal((await post(body)).status, 400, JSON.stringify(body));
  }
  assert.equal(asked.length, 1);
  assert.equal((await post({ subject: 'binance:spot:BUSY', from: '2026-03-18', to: '2026-03-19' })).status, 409);
});

test('where no reports are, there is no such address', async () => {
  assert.equal((await ask(none, '/api/v1/reports')).status, 404);
});
