import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createAuthority } from '../../test/support/certificates.ts';
import { TemporaryFolder } from '../../test/support/processes.ts';
import { TidemarkError } from '../domain/error.ts';
import { silentLog } from '../ports/log.ts';
import { startSmtpSink } from '../sinks/smtp-sink.test-fixture.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { configSchema, loadConfig } from './config.ts';
import { layoutOf } from './layout.ts';
import { openReportWorkshop, reportSubjects } from './report-workshop.ts';

const letter = { messageId: 'a@b', subject: 's', text: 't', html: '<p>t</p>', attachments: [] };

function open(t: TestContext, settings: object) {
  const folder = new TemporaryFolder('report-workshop');
  t.after(() => folder.remove());
  const stores = { lake: undefined, blobs: undefined } as never;
  const config = configSchema.parse(settings);
  return openReportWorkshop(config, folder.path, layoutOf('data', folder.path), stores, createNodeWorld(), silentLog);
}

test('mail is off without a host, and a host without addresses is refused', async (t) => {
  assert.equal((await open(t, {})).mail, undefined);
  await assert.rejects(
    open(t, { mail: { host: 'smtp.example.org' } }),
    (error: unknown) =>
      error instanceof TidemarkError && error.code === 'config-invalid' && /mail\.from/.test(error.message),
  );
});

test('settings become a letter over TLS, with the password of a file or of the variable', async (t) => {
  const folder = new TemporaryFolder('report-mail');
  t.after(() => folder.remove());
  const authority = createAuthority('Tidemark test');
  const seen: (string | undefined)[] = [];
  const sink = await startSmtpSink(t, {
    secure: true,
    authOptional: false,
    ...authority.sign(['localhost']),
    onAuth: ({ username, password }, _session, callback) => {
      seen.push(`${username} ${password}`);
      callback(null, { user: username });
    },
  });
  const certificate = join(folder.path, 'authority.pem');
  const passwordFile = join(folder.path, 'password');
  writeFileSync(certificate, authority.certificate);
  writeFileSync(passwordFile, 'from the file\n');
  const mail = {
    host: 'localhost',
    port: sink.port,
    from: 'a@example.org',
    to: ['b@example.org'],
    secure: true,
    user: 'desk',
    certificateAuthority: certificate,
  };
  await (await open(t, { mail: { ...mail, passwordFile } })).mail!.send(letter);
  process.env['TIDEMARK_MAIL_PASSWORD'] = 'from the variable';
  t.after(() => delete process.env['TIDEMARK_MAIL_PASSWORD']);
  await (await open(t, { mail })).mail!.send(letter);
  assert.deepEqual(seen, ['desk from the file', 'desk from the variable']);
  assert.equal(sink.letters.length, 2);
});

test('the password is no setting: it is let through, shown nowhere, and refused in the file', () => {
  const loaded = loadConfig({
    env: { TIDEMARK_MAIL_PASSWORD: 'hunter2', TIDEMARK_MAIL_TO: 'a@example.org, b@example.org' },
    cwd: '/',
  });
  assert.ok(!JSON.stringify(loaded).includes('hunter2'));
  assert.deepEqual(loaded.config.mail.to, ['a@example.org', 'b@example.org']);
  assert.throws(() => configSchema.parse({ mail: { password: 'hunter2' } }));
});

test('a subject that is neither the market nor an instrument is refused by its setting', () => {
  for (const [variable, key] of [
    ['TIDEMARK_REPORTS_SUBJECTS', 'reports.subjects'],
    ['TIDEMARK_MAIL_SUBJECTS', 'mail.subjects'],
  ] as const) {
    assert.throws(
      () => loadConfig({ env: { [variable]: 'market,BTCUSDT' }, cwd: '/' }),
      new RegExp(`setting ${key} in variable ${variable}.*BTCUSDT`),
    );
  }
});

test('by themselves reports are of the market and of few instruments each, unless others are named', () => {
  const of = (count: number, subjects?: string[]) =>
    reportSubjects(
      configSchema.parse({
        instruments: Array.from({ length: count }, (_, at) => `binance:spot:S${at}`),
        ...(subjects === undefined ? {} : { reports: { subjects } }),
      }),
    ).length;
  assert.deepEqual([of(3), of(20), of(21), of(21, ['market', 'binance:spot:S1'])], [4, 21, 1, 2]);
});
