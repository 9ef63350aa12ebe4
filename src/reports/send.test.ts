import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { instrumentId } from '../domain/instrument.ts';
import { dayUs, hourUs } from '../domain/interval.ts';
import { openMail } from '../sinks/mail.ts';
import { attachmentOf, startSmtpSink } from '../sinks/smtp-sink.test-fixture.ts';
import { makeReport } from './make.ts';
import { dailyWish } from './period.ts';
import { btc, dayStartUs } from './recorded-day.test-fixture.ts';
import { sendReport } from './send.ts';
import { openTestWorkshop } from './workshop.test-fixture.ts';

const days = [
  {
    instruments: [btc],
    fromUs: dayStartUs,
    toUs: dayStartUs + dayUs + hourUs,
    hasBooks: false,
    tradeEveryUs: 60_000_000,
  },
];

test('a report is sent once, after a 451 too, with the page and the PDF, and marked as what it is', async (t) => {
  const sink = await startSmtpSink(t);
  sink.refuse([451]);
  const printer = { absence: undefined, print: async () => Buffer.from('%PDF-1.4 paper') };
  const { workshop } = await openTestWorkshop(t, days, { printer });
  const { shelf } = workshop;
  const { report } = await makeReport(workshop, dailyWish(instrumentId(btc), '2026-03-18'));
  const mail = openMail({
    host: 'localhost',
    port: sink.port,
    from: 'tidemark@example.org',
    to: ['desk@example.org'],
    secure: false,
    isPlain: true,
  });
  await assert.rejects(
    sendReport({ shelf, mail }, report.id),
    (error: unknown) => error instanceof TidemarkError && error.retry === 'later',
  );
  assert.equal((await shelf.find(report.id)).sentAtUs, null);
  assert.deepEqual(await sendReport({ shelf, mail }, report.id), { isNew: true, to: ['desk@example.org'] });
  assert.deepEqual(await sendReport({ shelf, mail }, report.id), { isNew: false, to: ['desk@example.org'] });
  assert.ok((await shelf.find(report.id)).sentAtUs !== null);
  assert.equal(sink.letters.length, 1);
  const [letter] = sink.letters;
  assert.match(letter!.raw, /^Subject: \[SIMULATED\] Daily report/m);
  assert.match(letter!.raw, new RegExp(`^Message-ID:\\s+<${report.id}@`, 'm'));
  assert.deepEqual(attachmentOf(letter!, `${report.id}.pdf`)?.toString(), '%PDF-1.4 paper');
  assert.deepEqual(
    attachmentOf(letter!, `${report.id}.html`),
    Buffer.from((await shelf.file(report.id, 'report.html')).bytes),
  );
});

test('who dies between the answer of the server and the marker sends the same letter again, known by its id', async (t) => {
  const sink = await startSmtpSink(t);
  const { workshop } = await openTestWorkshop(t, days);
  const { report } = await makeReport(workshop, dailyWish(instrumentId(btc), '2026-03-18'));
  const mail = openMail({
    host: 'localhost',
    port: sink.port,
    from: 'tidemark@example.org',
    to: ['desk@example.org'],
    secure: false,
    isPlain: true,
  });
  const dying = Object.assign(Object.create(workshop.shelf) as typeof workshop.shelf, {
    find: (id: string) => workshop.shelf.find(id),
    file: (id: string, name: string) => workshop.shelf.file(id, name),
    markSent: async () => {
      throw new Error('killed');
    },
  });
  await assert.rejects(sendReport({ shelf: dying, mail }, report.id), { message: 'killed' });
  await sendReport({ shelf: workshop.shelf, mail }, report.id);
  const ids = sink.letters.map(({ raw }) => /^Message-ID:\s+(<.*>)\r$/m.exec(raw)?.[1]);
  assert.equal(ids.length, 2);
  assert.ok(ids[0] !== undefined && ids[0] === ids[1]);
  assert.match(sink.letters[0]!.raw.replace(/=\r\n/g, ''), /No PDF.*there is no browser here/s);
});
