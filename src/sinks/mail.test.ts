import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createAuthority } from '../../test/support/certificates.ts';
import { TidemarkError } from '../domain/error.ts';
import type { Letter } from '../ports/mail.ts';
import { type MailOptions, openMail } from './mail.ts';
import { attachmentOf, startSmtpSink } from './smtp-sink.test-fixture.ts';

const letter: Letter = {
  messageId: 'daily-2026-03-18-market-r7@reports.tidemark.invalid',
  subject: 'Daily report, Ü & market',
  text: 'short',
  html: '<p>short</p>',
  attachments: [{ name: 'report.pdf', contentType: 'application/pdf', bytes: randomBytes(5000) }],
};

const plain = (port: number): MailOptions => ({
  host: 'localhost',
  port,
  from: 'tidemark@example.org',
  to: ['desk@example.org', 'ops@example.org'],
  secure: false,
  isPlain: true,
});

const failsWith = (retry: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TidemarkError);
  assert.equal(error.code, 'mail-failed');
  assert.equal(error.retry, retry);
  assert.match(error.message, pattern);
  return true;
};

test('a letter arrives at every address with its id, its words and its attachment to the last byte', async (t) => {
  const sink = await startSmtpSink(t);
  await openMail(plain(sink.port)).send(letter);
  assert.equal(sink.letters.length, 1);
  const [kept] = sink.letters;
  assert.deepEqual(kept?.to, ['desk@example.org', 'ops@example.org']);
  assert.match(kept.raw, /^Message-ID: <daily-2026-03-18-market-r7@reports\.tidemark\.invalid>\r$/m);
  assert.match(kept.raw, /^Auto-Submitted: auto-generated\r$/m);
  assert.deepEqual(attachmentOf(kept, 'report.pdf'), letter.attachments[0]!.bytes);
});

test('a server that says 451 is asked again later, and then takes it', async (t) => {
  const sink = await startSmtpSink(t);
  sink.refuse([451]);
  const mail = openMail(plain(sink.port));
  await assert.rejects(mail.send(letter), failsWith('later', /451|try again/));
  assert.equal(sink.letters.length, 0);
  await mail.send(letter);
  assert.equal(sink.letters.length, 1);
  assert.equal(sink.attempts(), 2);
});

test('a refusal for good is not worth another try', async (t) => {
  const sink = await startSmtpSink(t);
  sink.refuse([554]);
  await assert.rejects(openMail(plain(sink.port)).send(letter), failsWith('never', /try again/));
});

test('one refused address fails the letter by name', async (t) => {
  const sink = await startSmtpSink(t, {
    onRcptTo: ({ address }, _session, callback) => {
      callback(address.startsWith('ops') ? Object.assign(new Error('unknown'), { responseCode: 550 }) : undefined);
    },
  });
  await assert.rejects(openMail(plain(sink.port)).send(letter), failsWith('never', /ops@example\.org/));
});

test('a wrong password is told without being told', async (t) => {
  const password = 'correct horse battery staple';
  const sink = await startSmtpSink(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ username, password: given }, _session, callback) => {
      if (username === 'desk' && given === 'right') callback(null, { user: username });
      else callback(new Error(`no such password: ${given}`));
    },
  });
  const options = { ...plain(sink.port), user: 'desk' };
  await assert.rejects(openMail({ ...options, password: async () => password }).send(letter), (error) => {
    failsWith('never', /user and password/)(error);
    assert.ok(!String(error).includes(password) && !JSON.stringify(error).includes(password));
    return true;
  });
  await assert.rejects(
    openMail({ ...options, password: async () => undefined }).send(letter),
    failsWith('never', /no password/),
  );
  await openMail({ ...options, password: async () => 'right' }).send(letter);
  assert.equal(sink.letters.length, 1);
});

test('TLS is checked against our own authority, from the first byte and raised later alike', async (t) => {
  const authority = createAuthority('Tidemark test');
  const signed = authority.sign(['localhost']);
  for (const secure of [true, false]) {
    const sink = await startSmtpSink(t, { secure, ...signed });
    const options: MailOptions = { ...plain(sink.port), secure, isPlain: false };
    await openMail({ ...options, certificateAuthority: authority.certificate }).send(letter);
    assert.equal(sink.letters.length, 1);
    await assert.rejects(openMail(options).send(letter), failsWith('never', /not safe/));
    const other = createAuthority('Somebody else');
    await assert.rejects(
      openMail({ ...options, certificateAuthority: other.certificate }).send(letter),
      failsWith('never', /not safe/),
    );
    assert.equal(sink.letters.length, 1);
  }
});

test('a certificate for another name is refused', async (t) => {
  const authority = createAuthority('Tidemark test');
  const sink = await startSmtpSink(t, { secure: true, ...authority.sign(['mail.example.org']) });
  const options = { ...plain(sink.port), secure: true, isPlain: false, certificateAuthority: authority.certificate };
  await assert.rejects(openMail(options).send(letter), failsWith('never', /not safe/));
});

test('a server that cannot raise the connection to TLS is sent nothing, unless plain mail was asked for', async (t) => {
  const sink = await startSmtpSink(t);
  await assert.rejects(openMail({ ...plain(sink.port), isPlain: false }).send(letter), failsWith('never', /not safe/));
  assert.equal(sink.attempts(), 0);
});

test('nobody there, or somebody who says nothing, is worth another try', async (t) => {
  await assert.rejects(openMail(plain(1)).send(letter), failsWith('later', /localhost:1/));
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const { port } = silent.address() as { port: number };
  await assert.rejects(openMail({ ...plain(port), timeLimitMs: 300 }).send(letter), failsWith('later', /./));
});
