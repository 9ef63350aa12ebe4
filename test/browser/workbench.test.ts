import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { RunLogAnswer, RunsAnswer } from '../../src/protocol/jobs.ts';
import type { ReportsAnswer } from '../../src/protocol/reports.ts';
import { launchChromium, needsChromium } from './chromium.ts';
import { docsImages, type StartedDemo, startDemo, until } from './started.ts';

// SQL, jobs and reports of the running demo: real queries, real runs, a real report.

const wantsPictures = process.env['TIDEMARK_SCREENSHOTS'] === '1';
const patienceMs = 30_000;

let demo: StartedDemo;
let browser: Browser;
const complaints = new Map<Page, string[]>();

interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'dark' | 'light';
}

async function open(path: string, { width = 1440, height = 900, scheme = 'dark' }: Look = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: width < 500 ? 2 : 1,
    colorScheme: scheme,
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const said: string[] = [];
  complaints.set(page, said);
  page.on('pageerror', (error) => said.push(error.message));
  page.on('console', (message) => {
    // A query that is refused is an answer of 400, which the browser itself puts into the console.
    if (/^(error|warning)$/.test(message.type()) && !/status of 4\d\d/.test(message.text())) said.push(message.text());
  });
  await page.goto(`${demo.url}${path}`);
  return page;
}

async function close(page: Page): Promise<void> {
  assert.deepEqual(complaints.get(page), []);
  await page.context().close();
}

async function picture(page: Page, name: string): Promise<void> {
  if (!wantsPictures) return;
  mkdirSync(docsImages, { recursive: true });
  await page.screenshot({ path: join(docsImages, `${name}.png`) });
}

async function ask(sql: string): Promise<{ columns: { name: string }[]; rows: (string | null)[][] }> {
  const response = await fetch(`${demo.url}/api/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  assert.equal(response.status, 200, sql);
  return (await response.json()) as never;
}

async function openSql(look?: Look): Promise<Page> {
  const page = await open('/sql', look);
  await page.locator('.cm-content').waitFor({ timeout: patienceMs });
  await page.locator('.schema-table').first().waitFor({ timeout: patienceMs });
  return page;
}

async function write(page: Page, sql: string): Promise<void> {
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(sql);
  await page.keyboard.press('Escape');
}

const status = (page: Page): Promise<string> => page.locator('.sql-status').innerText();

async function ended(page: Page, start: () => Promise<void>): Promise<void> {
  const answered = page.waitForResponse((response) => response.url().endsWith('/api/v1/sql'), { timeout: patienceMs });
  await start();
  await answered;
  await until('the end of it', patienceMs, async () => !/running/.test(await status(page)));
}

async function run(page: Page, sql: string): Promise<void> {
  await write(page, sql);
  await ended(page, () => page.keyboard.press('Control+Enter'));
}

before(async () => {
  if (needsChromium.skip !== false) return;
  [demo, browser] = await Promise.all([startDemo(), launchChromium()]);
  await until('committed trades', 60_000, async () => {
    const { rows } = await ask("SELECT count(*) FROM trades WHERE symbol = 'BTCUSDT'");
    return Number(rows[0]![0]) > 400;
  });
});

after(async () => {
  await browser?.close();
  await demo?.kill();
  demo?.clean();
});

test('a statement runs at the cursor, and its figures stand there to the last digit', needsChromium, async () => {
  const page = await openSql();
  // Committed long ago: the same rows whenever they are asked for.
  const sql = `SELECT trade_id, price, quantity, price * quantity AS notional, traded_at FROM trades
    WHERE symbol = 'BTCUSDT' ORDER BY trade_id LIMIT 400`;
  await run(page, `SELECT 1 AS other;\n\n${sql};\n`);
  assert.match(await status(page), /done in/);
  const { columns, rows } = await ask(sql);
  const grid = page.getByTestId('sql-result');
  assert.deepEqual(
    await grid.locator('th button').evaluateAll((nodes) => nodes.map((node) => node.firstChild?.textContent)),
    columns.map(({ name }) => name),
  );
  const shown = await grid
    .locator('tr[data-row="2"] td[data-column]')
    .evaluateAll((cells) => cells.map((cell) => (cell.textContent ?? '').replaceAll('\u2009', '')));
  assert.deepEqual(shown.slice(0, 4), rows[2]!.slice(0, 4));
  assert.ok((await grid.locator('tr[data-row]').count()) < 80);
  await grid.locator('td[data-column="0"]').first().click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+c');
  await until('the copy', patienceMs, async () => /Copied 2000 cells as CSV/.test(await status(page)));
  const csv = await page.evaluate(() => navigator.clipboard.readText());
  const whole = [columns.map(({ name }) => name), ...rows].map((row) => row.join(',')).join('\r\n');
  assert.ok(csv === whole, csv.slice(0, 300));
  // The dearest first, beyond what doubles tell apart.
  await grid.getByRole('button', { name: /^notional/ }).click();
  await grid.getByRole('button', { name: /^notional/ }).click();
  const most = rows.map((row) => row[3]!).sort((a, b) => b.padStart(40, '0').localeCompare(a.padStart(40, '0')))[0];
  await until('the dearest first', patienceMs, async () => {
    const cell = await grid.locator('tr[data-row="0"] td[data-column="3"]').innerText();
    return cell.replaceAll('\u2009', '') === most;
  });
  // The same by keys, the other way round.
  await grid.locator('table').focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('s');
  await until('the order of ids', patienceMs, async () => {
    const cell = await grid.locator('tr[data-row="0"] td[data-column="0"]').innerText();
    return cell.replaceAll('\u2009', '') === rows[0]![0];
  });
  const width = (await grid.locator('th[data-column="0"]').boundingBox())!.width;
  await page.keyboard.press('Alt+ArrowRight');
  await until('a wider column', patienceMs, async () => {
    const box = await grid.locator('th[data-column="0"]').boundingBox();
    return box!.width > width;
  });
  assert.match(await page.locator('.sql-foot').innerText(), /400\s+rows[\s\S]*catalog version[\s\S]*SIMULATED/);
  await close(page);
});

test(
  'an earlier version is asked for by an instant or a number, and the answer says which it is',
  needsChromium,
  async () => {
    const page = await openSql();
    await run(page, "SELECT count(*) AS n FROM trades WHERE date < '2017-07-14'");
    assert.match(await page.locator('.sql-foot').innerText(), /with its tail\s+0 files, 0 B/);
    await page.getByLabel('As of').fill('now');
    await run(page, 'SELECT count(*) AS n FROM trades');
    assert.match(
      await page.locator('.sql-foot').innerText(),
      /catalog version \d[\d\u2009]*, as it was committed\s+[1-9]\d* files?, /,
    );
    // Before anything was committed; written as people write it.
    await page.getByLabel('As of').fill('');
    await page.getByLabel('As of').pressSequentially('2017-07-14 00:00 ');
    await run(page, 'SELECT count(*) AS n FROM trades');
    assert.match(await page.locator('.sql-foot').innerText(), /catalog version 0, as it was committed\s+0 files, 0 B/);
    await page.getByLabel('As of').fill('999999999');
    await run(page, 'SELECT count(*) AS n FROM trades');
    assert.match(await page.getByRole('alert').innerText(), /version 999999999: versions \d+ to \d+ are kept/);
    await close(page);
  },
);

test('more rows than asked for are cut and said to be', needsChromium, async () => {
  const page = await openSql();
  await page.getByLabel('Most rows').selectOption('1000');
  await run(page, 'SELECT range AS n FROM range(5000)');
  assert.match(await page.locator('.sql-foot').innerText(), /limited to 1\u2009000; there are more/);
  const grid = page.getByTestId('sql-result');
  await grid.locator('table').focus();
  await page.keyboard.press('Control+End');
  await until('the last row', patienceMs, async () =>
    /\b999\b/.test(await grid.locator('tr[data-row="999"]').innerText()),
  );
  await close(page);
});

test(
  'every recipe of the cookbook runs, with the parameters of the chart and what is held of its range',
  needsChromium,
  async () => {
    const page = await open('/chart/binance:spot:BTCUSDT?i=1s');
    await page.getByTestId('legend').waitFor({ timeout: patienceMs });
    await until('candles in view', patienceMs, async () =>
      /\d+ bars/.test(await page.getByTestId('range-text').innerText()),
    );
    if (wantsPictures) await page.waitForTimeout(60_000);
    await page.getByRole('link', { name: 'SQL' }).click();
    await page.locator('.cm-content').waitFor({ timeout: patienceMs });
    assert.equal(await page.getByLabel(':symbol').inputValue(), 'BTCUSDT');
    assert.match(await page.getByLabel(':from').inputValue(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    for (const name of ['resample', 'as-of join', 'gap finder', 'spread percentiles', 'vwap']) {
      await page.getByRole('button', { name: 'Cookbook' }).click();
      await page.getByRole('menuitem', { name }).click();
      await page.locator('.cm-content').click();
      await ended(page, () => page.keyboard.press('Control+Enter'));
      assert.match(await status(page), /done in/, `${name}: ${await page.locator('.sql-control').innerText()}`);
    }
    await until('what is held', patienceMs, async () =>
      /complete|held/.test(await page.locator('.coverage-line').innerText()),
    );
    assert.match(await page.locator('.coverage-line').innerText(), /tidemark[\s\S]*SIMULATED/);
    assert.ok((await page.locator('.quick-chart canvas').count()) === 1);
    if (wantsPictures) {
      const recipe = await page.locator('.cm-content').innerText();
      await write(page, recipe.replace('15 seconds', '1 second'));
      await ended(page, () => page.keyboard.press('Control+Enter'));
      await page.waitForTimeout(1_000);
    }
    await page.locator('.sql-text').hover();
    await picture(page, 'sql-dark');
    await page.evaluate(() => {
      document.documentElement.dataset['theme'] = 'light';
    });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.waitForTimeout(300);
    await picture(page, 'sql-light');
    await close(page);
  },
);

test('a mistake is shown at its place, with the word that was meant, one press away', needsChromium, async () => {
  const page = await openSql();
  await run(page, 'SELECT symbol,\n  pricee\nFROM trades\nWHERE market = :market AND symbol = :symbol\nLIMIT 5');
  assert.match(await status(page), /failed/);
  assert.match(await page.locator('.sql-failure').innerText(), /did you mean "price"\? \(line 2, column 3\)/);
  assert.equal(await page.locator('.cm-lintRange-error').innerText(), 'pricee');
  await page.getByRole('button', { name: 'Write price' }).click();
  await page.keyboard.press('Control+Enter');
  await until('an answer', patienceMs, async () => /done in/.test(await status(page)));
  assert.equal(await page.locator('.sql-failure').count(), 0);
  await close(page);
});

test('an endless query is cancelled, and the next one finds its place free', needsChromium, async () => {
  const page = await openSql();
  await write(page, 'SELECT count(*) FROM range(1000000000000) WHERE hash(range) = 1');
  await page.keyboard.press('Control+Enter');
  await until('it to run', patienceMs, async () => /running/.test(await status(page)));
  await page.getByRole('button', { name: 'Cancel' }).click();
  await until('cancelled', patienceMs, async () => /cancelled after/.test(await status(page)));
  await run(page, 'SELECT 42 AS answer');
  assert.match(await status(page), /done in/);
  await close(page);
});

test(
  'names are offered as they are typed, the plan is explained, and texts survive a reload',
  needsChromium,
  async () => {
    const page = await openSql();
    await write(page, 'SELECT  FROM trades');
    await page.keyboard.press('Control+Home');
    for (let step = 0; step < 7; step++) await page.keyboard.press('ArrowRight');
    await page.keyboard.type('quan');
    await page.locator('.cm-tooltip-autocomplete').waitFor();
    // For a moment it takes no keys, so that nothing is accepted by those who type on.
    await page.waitForTimeout(200);
    // For a moment it takes no keys, so that nothing is accepted by those who type on.
    await page.waitForTimeout(200);
    await page.keyboard.press('Enter');
    assert.match(await page.locator('.cm-content').innerText(), /SELECT quantity FROM trades/);
    await page.keyboard.press('Alt+e');
    await page.locator('.sql-plan').waitFor({ timeout: patienceMs });
    assert.match(await page.locator('.sql-plan').innerText(), /quantity/);
    await page.getByRole('button', { name: /^Saved/ }).click();
    await page.getByLabel('Save this as').fill('quantities.sql');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.reload();
    await page.locator('.cm-content').waitFor({ timeout: patienceMs });
    assert.match(await page.locator('.cm-content').innerText(), /SELECT quantity FROM trades/);
    assert.ok(await page.getByRole('tab', { name: 'quantities.sql', selected: true }).isVisible());
    await page.getByRole('button', { name: 'History' }).click();
    await page
      .getByRole('dialog')
      .getByText(/EXPLAIN SELECT quantity/)
      .waitFor();
    await close(page);
  },
);

test(
  'the tables are there with their columns and rows, a filter finds a column, a click writes its name',
  needsChromium,
  async () => {
    const page = await openSql();
    const schema = page.locator('.schema');
    assert.match(await schema.innerText(), /trade_id\s+key\s+bigint[\s\S]*book_tickers[\s\S]*candles/);
    await schema.getByLabel('Filter tables and columns').fill('bid_price');
    await until('one table', patienceMs, async () => (await schema.locator('.schema-table').count()) === 1);
    await write(page, 'SELECT ');
    await schema.getByRole('button', { name: /bid_price/ }).click();
    assert.match(await page.locator('.cm-content').innerText(), /SELECT bid_price/);
    await close(page);
  },
);

test(
  'a job that is asked for on the page runs while it is looked at, and says what it did',
  needsChromium,
  async () => {
    const page = await open('/jobs');
    await page.locator('.node').first().waitFor({ timeout: patienceMs });
    await page.getByRole('button', { name: 'Run now…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Job', { exact: true }).selectOption('lake-verify');
    await dialog.getByRole('button', { name: 'Run', exact: true }).click();
    await page.waitForURL(/run=\d+/);
    const id = /run=(\d+)/.exec(page.url())![1]!;
    const panel = page.locator('.run-panel');
    await until('its end', patienceMs, async () => /done|skipped/.test(await panel.locator('.run-state').innerText()));
    assert.match(await panel.innerText(), /asked for[\s\S]*tidemark jobs run lake-verify/);
    const row = page.locator(`[data-run="${id}"]`);
    await row.waitFor({ timeout: patienceMs });
    assert.match(await row.innerText(), /lake-verify/);
    const { run: told } = (await (await fetch(`${demo.url}/api/v1/runs/${id}`)).json()) as { run: { effect: string } };
    assert.ok((await panel.innerText()).includes(told.effect), told.effect);
    if (wantsPictures) {
      const post = (path: string, body: object) =>
        fetch(`${demo.url}/api/v1/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      const day = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
      await post('jobs/models/runs', {});
      await post('jobs/models-day/catch-ups', { from: day(14), to: day(0), atOnce: 2 });
      await page.waitForTimeout(20_000);
      await page.getByRole('button', { name: '1 h', exact: true }).click();
      await page
        .locator('[data-run]', { hasText: /models(?!-)/ })
        .first()
        .click();
      await page.waitForTimeout(2_000);
    }
    await picture(page, 'jobs-dark');
    await close(page);
  },
);

/** What the engine has been doing, for a test that waited for it in vain. */
async function newestRuns(): Promise<string> {
  const get = async <T>(path: string) => (await (await fetch(`${demo.url}/api/v1/${path}`)).json()) as T;
  const { runs } = await get<RunsAnswer>('runs?limit=25');
  const told = runs.map(async ({ id, job, state, cause, attempts, queuedAtUs, startedAtUs, error }) => {
    const { lines } = await get<RunLogAnswer>(`runs/${id}/log?limit=50`);
    const [queued, started] = [queuedAtUs, startedAtUs].map((us) => us && new Date(us / 1000).toISOString());
    const head = `${job} ${state} (${cause}), ${attempts} attempts, ${queued} to ${started}: ${error?.message ?? ''}`;
    return [head, ...lines.map(({ atUs, text }) => `  ${new Date(atUs / 1000).toISOString()} ${text}`)].join('\n');
  });
  return (await Promise.all(told)).join('\n');
}

test('a report of a range of one’s own is asked for, appears when it is made, and opens', needsChromium, async () => {
  const page = await open('/reports');
  const makeOne = async (from: string, to: string): Promise<void> => {
    await page.getByRole('button', { name: 'Make a report…' }).click();
    await page.getByRole('dialog').getByLabel('Of').selectOption('binance:spot:BTCUSDT');
    await page.getByRole('dialog').getByLabel('From, UTC').fill(from);
    await page.getByRole('dialog').getByLabel('To, UTC').fill(to);
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.locator('.reports-asked').waitFor({ timeout: patienceMs });
  };
  await makeOne('2001-09-09 01:46', '2001-09-09 01:47');
  await until('why there is none', patienceMs, async () =>
    /Not made: .*nothing of it is held/.test(await page.locator('.reports-asked').innerText()),
  );
  await page.locator('.reports-asked').getByRole('button', { name: 'Close' }).click();
  // To the end of this minute: the recording may be younger than the last whole one.
  const [from, to] = [Date.now() - 86_400_000, Date.now() + 60_000].map((ms) =>
    new Date(ms).toISOString().slice(0, 16).replace('T', ' '),
  );
  await makeOne(from!, to!);
  const link = page.locator('.reports tbody tr').first().getByRole('link').first();
  await link.waitFor({ timeout: 90_000 }).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await newestRuns()}`);
  });
  const { reports } = (await (await fetch(`${demo.url}/api/v1/reports`)).json()) as ReportsAnswer;
  assert.equal(reports[0]!.subject, 'binance:spot:BTCUSDT');
  const [report] = await Promise.all([page.context().waitForEvent('page'), link.click()]);
  await report.waitForLoadState();
  assert.match(await report.locator('body').innerText(), /BTCUSDT[\s\S]*SIMULATED|SIMULATED[\s\S]*BTCUSDT/);
  await close(page);
});

test('light and on a phone the pages stay whole', needsChromium, async () => {
  for (const look of [
    { name: 'jobs-light', path: '/jobs', ready: '.node', width: 1440, height: 900, scheme: 'light' },
    { name: 'jobs-phone', path: '/jobs', ready: '.graph-panel', width: 390, height: 844, scheme: 'dark' },
    { name: 'sql-phone', path: '/sql', ready: '.cm-content', width: 390, height: 844, scheme: 'dark' },
  ] as const) {
    const page = await open(look.path, look);
    await page.locator(look.ready).first().waitFor({ timeout: patienceMs });
    await page.waitForTimeout(1_500);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), look.width);
    assert.match(await page.locator('.strip').innerText(), /SIMULATED/);
    if (look.name !== 'sql-phone') await picture(page, look.name);
    await close(page);
  }
});
