import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findChromium } from '../../scripts/install-state.mjs';
import { needsChromium } from '../../test/browser/chromium.ts';
import { TidemarkError } from '../domain/error.ts';
import { openChromiumPrinter } from './chromium.ts';
import { findBrowser } from './find-browser.ts';

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-print-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A browser of a few lines of shell. */
function fakeBrowser(folder: string, script: string): string {
  const file = join(folder, 'browser');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const failsWith = (pattern: RegExp) => (error: unknown) =>
  error instanceof TidemarkError && error.code === 'print-failed' && pattern.test(error.message);
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test(
  'an installed browser prints a page of two sheets, asks nobody for anything, and leaves nothing behind',
  needsChromium,
  async (t) => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const folder = newFolder(t);
    const printer = openChromiumPrinter({ executable: findChromium(), scratchFolder: folder });
    assert.equal(printer.absence, undefined);
    const pdf = await printer.print(
      `<!doctype html><title>two sheets</title><style>@page{size:A4}</style><p>one</p><p style="break-before:page">two</p><img src="http://127.0.0.1:${port}/x.png"><img src="http://localhost:${port}/y.png">`,
    );
    const text = Buffer.from(pdf).toString('latin1');
    assert.ok(text.startsWith('%PDF-') && text.trimEnd().endsWith('%%EOF'));
    assert.equal(text.match(/\/Type\s*\/Page\b/g)?.length, 2);
    assert.equal(requests, 0);
    assert.deepEqual(readdirSync(folder), []);
  },
);

test('without a browser, or with one that is not there, it says so', async (t) => {
  const folder = newFolder(t);
  const none = openChromiumPrinter({ executable: undefined, scratchFolder: folder });
  assert.match(none.absence ?? '', /no Chromium/);
  await assert.rejects(none.print('<p>'), failsWith(/no Chromium/));
  const gone = openChromiumPrinter({ executable: join(folder, 'nowhere', 'chromium'), scratchFolder: folder });
  assert.match(gone.absence ?? '', /is not there: chromium$/);
});

test('a browser that never ends is ended at the time limit, with the processes that it started', async (t) => {
  const folder = newFolder(t);
  const pids = join(folder, 'pids');
  const executable = fakeBrowser(folder, `sleep 600 & echo $! > ${pids}; echo $$ >> ${pids}; wait`);
  const printer = openChromiumPrinter({ executable, scratchFolder: join(folder, 'scratch'), timeLimitMs: 700 });
  await assert.rejects(printer.print('<p>'), failsWith(/more than 700 ms/));
  const started = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
  assert.equal(started.length, 2);
  await until(() => !started.some(isAlive));
  assert.deepEqual(readdirSync(join(folder, 'scratch')), []);
});

test('an abort ends it at once', async (t) => {
  const folder = newFolder(t);
  const pids = join(folder, 'pids');
  const executable = fakeBrowser(folder, `echo $$ > ${pids}; exec sleep 600`);
  const stop = new AbortController();
  const printing = openChromiumPrinter({ executable, scratchFolder: join(folder, 'scratch') }).print(
    '<p>',
    stop.signal,
  );
  await until(() => existsSync(pids) && readFileSync(pids, 'utf8') !== '');
  stop.abort(new Error('asked to end'));
  await assert.rejects(printing, { message: 'asked to end' });
  const pid = Number(readFileSync(pids, 'utf8'));
  await until(() => !isAlive(pid));
  assert.deepEqual(readdirSync(join(folder, 'scratch')), []);
});

test('a browser that fails, or writes no PDF, fails with its last words and without our paths', async (t) => {
  const folder = newFolder(t);
  const scratchFolder = join(folder, 'scratch');
  const crashing = openChromiumPrinter({
    executable: fakeBrowser(folder, 'echo "cannot open $HOME/display" >&2; exit 3'),
    scratchFolder,
  });
  await assert.rejects(
    crashing.print('<p>'),
    (error: unknown) => failsWith(/code 3: cannot open \/display/)(error) && !String(error).includes(folder),
  );
  const silent = openChromiumPrinter({ executable: fakeBrowser(folder, 'exit 0'), scratchFolder });
  await assert.rejects(silent.print('<p>'), failsWith(/without having written a file/));
  const wrong = openChromiumPrinter({
    executable: fakeBrowser(
      folder,
      'for a; do case $a in --print-to-pdf=*) echo no > "$(echo "$a" | cut -d= -f2)";; esac; done',
    ),
    scratchFolder,
  });
  await assert.rejects(wrong.print('<p>'), failsWith(/no PDF/));
});

test('a browser is told no secrets', async (t) => {
  const folder = newFolder(t);
  process.env['TIDEMARK_MAIL_PASSWORD'] = 'hunter2';
  t.after(() => delete process.env['TIDEMARK_MAIL_PASSWORD']);
  const seen = join(folder, 'seen');
  const executable = fakeBrowser(folder, `env > ${seen}; echo "$@" >> ${seen}; exit 1`);
  await assert.rejects(openChromiumPrinter({ executable, scratchFolder: folder }).print('<p>'), failsWith(/code 1/));
  assert.ok(!readFileSync(seen, 'utf8').includes('hunter2'));
});

test('browsers are found on the search path in the order of their names', (t) => {
  const folder = newFolder(t);
  assert.notEqual(findBrowser(folder), join(folder, 'chromium'));
  writeFileSync(join(folder, 'google-chrome'), '');
  assert.equal(findBrowser(`${join(folder, 'nowhere')}:${folder}`), join(folder, 'google-chrome'));
  writeFileSync(join(folder, 'chromium'), '');
  assert.equal(findBrowser(`:${folder}`), join(folder, 'chromium'));
});
