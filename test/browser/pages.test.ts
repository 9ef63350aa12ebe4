import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launchChromium, needsChromium } from './chromium.ts';
import { type Started, startMarket, until } from './started.ts';

// Jobs and Reports over made-up answers: every state, also those that a healthy engine seldom shows.

const patienceMs = 20_000;

let market: Started;
let browser: Browser;
const complaints = new Map<Page, string[]>();

before(async () => {
  if (needsChromium.skip === false) [market, browser] = await Promise.all([startMarket(), launchChromium()]);
});

after(async () => {
  await browser?.close();
  await market?.kill();
});

async function open(path: string, width = 1440, height = 900): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: 'dark',
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const said: string[] = [];
  complaints.set(page, said);
  page.on('console', (message) => {
    if (/^(error|warning)$/.test(message.type())) said.push(message.text());
  });
  page.on('pageerror', (error) => said.push(error.message));
  await page.goto(`${market.url}${path}`);
  return page;
}

async function close(page: Page): Promise<void> {
  assert.deepEqual(complaints.get(page), []);
  await page.context().close();
}

async function openJobs(search = '', width?: number): Promise<Page> {
  const page = await open(`/jobs${search}`, width);
  await page.getByTestId('runs').waitFor({ timeout: patienceMs });
  await page.locator('[data-run]').first().waitFor({ timeout: patienceMs });
  return page;
}

test('the pages are one click apart, and the chart is found again as it was left', needsChromium, async () => {
  const page = await open('/chart/binance:spot:ETHUSDT?i=5m');
  await page.getByTestId('legend').waitFor({ timeout: patienceMs });
  const nav = page.getByRole('navigation', { name: 'Pages' });
  for (const [name, address] of [
    ['SQL', '/sql'],
    ['Jobs', '/jobs'],
    ['Reports', '/reports'],
  ] as const) {
    await nav.getByRole('link', { name }).click();
    await page.waitForURL(`**${address}`);
    await page.getByRole('main', { name }).waitFor({ timeout: patienceMs });
    assert.equal(await nav.locator('[aria-current=page]').innerText(), name);
    await until('the word in the title', patienceMs, async () =>
      (await page.title()).startsWith(`SIMULATED · ${name}`),
    );
    assert.match(await page.locator('.strip').innerText(), /SIMULATED/);
  }
  await nav.getByRole('link', { name: 'Chart' }).click();
  await page.waitForURL(/ETHUSDT\?i=5m/);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('jobs');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/jobs');
  await page.getByTestId('runs').waitFor({ timeout: patienceMs });
  await page.keyboard.press('Control+k');
  await page.keyboard.type('liquidity');
  await page.keyboard.press('Enter');
  await page.waitForURL(/job=liquidity/);
  await close(page);
});

test(
  'each job of the graph says its state in shape and words, and why one is not available',
  needsChromium,
  async () => {
    const page = await openJobs();
    const node = (name: string) => page.locator('.node', { has: page.locator(`.node-name:text-is("${name}")`) });
    assert.match(await node('repair').innerText(), /\d+ %/);
    assert.match(await node('candle-check').innerText(), /heartbeat lost \d+ s ago/);
    assert.match(await node('send-report').innerText(), /try 3 of 5 in \d:\d\d/);
    assert.match(await node('volumes').innerText(), /has an open gap/);
    assert.match(await node('volatility').innerText(), /after liquidity/);
    assert.match(await node('retention').innerText(), /paused/);
    assert.match(await node('backfill').innerText(), /not built yet/);
    assert.equal(await node('backfill').getAttribute('data-absent'), 'true');
    const waits = await node('send-report').innerText();
    await until('the countdown', patienceMs, async () => (await node('send-report').innerText()) !== waits);
    const boxes = await page.locator('.node').evaluateAll((nodes) =>
      nodes.map((one) => {
        const { left, top, right, bottom } = one.getBoundingClientRect();
        return { left, top, right, bottom };
      }),
    );
    for (const [at, a] of boxes.entries())
      for (const b of boxes.slice(at + 1))
        assert.ok(
          a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top,
          'no box upon another',
        );
    await close(page);
  },
);

test('eighteen thousand runs are listed with few rows in the page, to the oldest one', needsChromium, async () => {
  const page = await openJobs();
  const rows = page.locator('[data-run]');
  assert.match(await page.locator('.runs-panel').innerText(), /18\u2009404 kept/);
  assert.ok((await rows.count()) < 60, `${await rows.count()} rows`);
  const list = page.locator('.runs-panel .listing');
  let oldest = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 6; turn++) {
    await list.evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await until('older runs', patienceMs, async () => {
      const last = Number(await rows.last().getAttribute('data-run'));
      return last < oldest;
    });
    oldest = Number(await rows.last().getAttribute('data-run'));
    assert.ok((await rows.count()) < 60, `${await rows.count()} rows`);
  }
  assert.ok(oldest < 18_404 - 600, String(oldest));
  await close(page);
});

test('runs are filtered by state and job, chosen by keys, and the address says which', needsChromium, async () => {
  const page = await openJobs();
  await page
    .locator('.runs-panel')
    .getByRole('button', { name: /^Failed/ })
    .click();
  await until('failed runs alone', patienceMs, async () => {
    const states = await page.locator('[data-run] .run-state').allInnerTexts();
    return states.length > 0 && states.every((state) => state === 'failed');
  });
  await page.getByTestId('runs').focus();
  await page.keyboard.press('Home');
  await page.locator('.run-panel .panel-fault').waitFor();
  assert.match(await page.locator('.run-panel').innerText(), /test not-null of liquidity: 1 row[\s\S]*5 of 5/);
  assert.match(page.url(), /state=failed/);
  assert.match(page.url(), /run=\d+/);
  await page.reload();
  await page.locator('.run-panel .panel-fault').waitFor({ timeout: patienceMs });
  await page.getByLabel('Job', { exact: true }).selectOption('volatility');
  await page.getByText(/0 of 0 runs match/).waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await until('all runs', patienceMs, async () => (await page.locator('[data-run]').count()) > 5);
  await close(page);
});

test('the log of a run follows its end, is filtered by level, and goes to the first error', needsChromium, async () => {
  const page = await openJobs('?state=failed');
  await page.locator('[data-run]').first().click();
  const log = page.getByTestId('log');
  await log.locator('.log-line').first().waitFor();
  await page.getByRole('button', { name: 'First error' }).click();
  await until('the error in view', patienceMs, async () => /test not-null/.test(await log.innerText()));
  await page.getByLabel('Least level').selectOption('error');
  await until('errors alone', patienceMs, async () => (await log.locator('.log-line').count()) === 1);
  await page.getByRole('button', { name: /^Running/ }).click();
  await page.locator('[data-run]', { hasText: 'repair' }).click();
  await page.getByLabel('Least level').selectOption('debug');
  const last = () => log.locator('.log-line').last().innerText();
  await until('lines', patienceMs, async () => (await log.locator('.log-line').count()) > 3);
  const before = await last();
  await until('another last line', patienceMs, async () => (await last()) !== before);
  assert.ok((await log.locator('.log-line').count()) < 120);
  await close(page);
});

test(
  'a run is started, watched, cancelled after a question, and tried again; a job is paused',
  needsChromium,
  async () => {
    const page = await openJobs();
    await page.getByRole('button', { name: 'Run now…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Job').selectOption('volumes');
    assert.ok(
      await dialog
        .getByLabel('Job')
        .locator('option[value=backfill]')
        .evaluate((one) => (one as HTMLOptionElement).disabled),
    );
    assert.match(await dialog.innerText(), /tidemark jobs run volumes --day \d{4}-\d\d-\d\d/);
    await dialog.getByRole('button', { name: 'Run', exact: true }).click();
    const panel = page.locator('.run-panel');
    await until('the new run', patienceMs, async () => /volumes[\s\S]*running/.test(await panel.innerText()));
    const progress = await panel.innerText();
    await until('its progress', patienceMs, async () => (await panel.innerText()) !== progress);
    await panel.getByRole('button', { name: 'Cancel…' }).click();
    assert.match(await page.getByRole('dialog').innerText(), /nothing half-published/);
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await until('cancelled', patienceMs, async () => /cancelled/.test(await panel.innerText()));
    await panel.getByRole('button', { name: 'Retry' }).click();
    await until('queued again', patienceMs, async () => /Waits: a slot/.test(await panel.innerText()));
    await page.locator('.node', { hasText: 'instruments' }).click();
    await page.getByRole('button', { name: 'Pause instruments' }).click();
    await page.getByRole('button', { name: 'Resume instruments' }).waitFor();
    await page.getByRole('button', { name: 'Resume instruments' }).click();
    await page.getByRole('button', { name: 'Pause instruments' }).waitFor();
    await close(page);
  },
);

test(
  'a catch-up shows its days in words as well, is paused and resumed, and another one begins',
  needsChromium,
  async () => {
    const page = await openJobs();
    const panel = page.locator('.catch-up');
    assert.match(await panel.innerText(), /52\s+done[\s\S]*38\s+queued[\s\S]*1\s+failed[\s\S]*4\s+held/);
    await panel.getByRole('button', { name: /liquidity \d\d-\d\d failed/ }).click();
    await page.locator('.run-panel .panel-fault').waitFor();
    await panel.getByRole('button', { name: 'Copy as CLI' }).click();
    assert.match(
      await page.evaluate(() => navigator.clipboard.readText()),
      /^tidemark jobs catch-up liquidity --from \S+ --to \S+ --at-once 2 --with-following$/,
    );
    await panel.getByRole('button', { name: 'Pause' }).click();
    await panel.getByRole('button', { name: 'Resume' }).click();
    await panel.getByRole('button', { name: 'Pause' }).waitFor();
    await panel.getByRole('button', { name: 'New…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Job', { exact: true }).selectOption('volumes');
    await dialog.getByLabel('First day').fill('2026-11-10');
    await dialog.getByLabel('Last day').fill('2026-11-09');
    assert.ok(await dialog.getByRole('button', { name: 'Catch up' }).isDisabled());
    await dialog.getByLabel('Last day').fill('2026-11-14');
    assert.match(await dialog.innerText(), /5 days/);
    await dialog.getByRole('button', { name: 'Catch up' }).click();
    await until('the new catch-up', patienceMs, async () =>
      /2026-11-10 to 2026-11-14[\s\S]*5\s+queued/.test(await panel.innerText()),
    );
    await close(page);
  },
);

test(
  'reports are listed, filtered, opened in a page of their own and downloaded; old ones are said to be',
  needsChromium,
  async () => {
    const page = await open('/reports');
    const rows = page.locator('.reports tbody tr');
    await rows.first().waitFor({ timeout: patienceMs });
    assert.equal(await rows.count(), 24);
    assert.match(await page.locator('[data-superseded=true]').innerText(), /superseded/);
    assert.match(await rows.nth(3).innerText(), /partial[\s\S]*99\.95 %/);
    await page.getByRole('button', { name: 'Superseded' }).click();
    assert.equal(await rows.count(), 23);
    await page.getByRole('button', { name: 'weekly' }).click();
    assert.equal(await rows.count(), 3);
    await page.getByRole('button', { name: 'range' }).click();
    await page.getByText('0 of 24 reports match.').waitFor();
    await page.getByRole('button', { name: 'All', exact: true }).click();
    const link = rows.first().getByRole('link').first();
    const [opened] = await Promise.all([page.context().waitForEvent('page'), link.click()]);
    await opened.waitForLoadState();
    assert.match(await opened.locator('h1').innerText(), /^daily-/);
    await opened.close();
    await rows.first().locator('summary').click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      rows
        .first()
        .getByRole('link', { name: /candles\.csv/ })
        .click(),
    ]);
    assert.match(download.suggestedFilename(), /^daily-.*candles\.csv$/);
    await close(page);
  },
);

test(
  'at 390 px every page is as wide as the screen, and the bar below reaches all of them',
  needsChromium,
  async () => {
    const page = await openJobs('', 390);
    const narrow = async (): Promise<void> => {
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
      assert.ok(await page.evaluate(() => document.querySelector('main')!.scrollWidth <= 390));
    };
    await narrow();
    assert.match(await page.locator('.graph-list').innerText(), /send-report[\s\S]*retrying/);
    for (const [name, ready] of [
      ['SQL', '.cm-content'],
      ['Reports', '.reports tbody tr'],
    ] as const) {
      await page.getByRole('button', { name: 'More' }).click();
      await page.getByRole('menuitem', { name }).click();
      await page.locator(ready).first().waitFor({ timeout: patienceMs });
      await narrow();
      assert.equal(await page.getByRole('button', { name: 'More' }).getAttribute('aria-current'), 'page');
    }
    await page.getByRole('button', { name: 'Tape' }).click();
    await page.locator('.tape').waitFor({ timeout: patienceMs });
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByTestId('runs').waitFor({ timeout: patienceMs });
    await close(page);
  },
);

// The last test: it ends the program under test.
test(
  'without the server texts and rows stay, what would change anything is locked, and it says why',
  needsChromium,
  async () => {
    const page = await openJobs();
    const sql = await page.context().newPage();
    await sql.goto(`${market.url}/sql`);
    await sql.locator('.cm-content').click();
    await sql.keyboard.press('Control+a');
    await sql.keyboard.insertText('SELECT 12345');
    const rows = await page.locator('[data-run]').count();
    await market.kill();
    for (const one of [page, sql])
      await until('RECONNECTING', patienceMs, async () => /RECONNECTING/.test(await one.locator('.strip').innerText()));
    assert.equal(await page.locator('[data-run]').count(), rows);
    assert.ok(await page.getByRole('button', { name: 'Run now…' }).isDisabled());
    assert.ok(await sql.getByRole('button', { name: 'Run', exact: true }).isDisabled());
    assert.match(await sql.locator('.sql-status').innerText(), /the server is not reached; the text is kept/);
    await sql.keyboard.press('Control+Enter');
    await until('the refusal', patienceMs, async () =>
      /can be run once it is back/.test(await sql.locator('.sql-status').innerText()),
    );
    await market.restart();
    await until('it to be back', patienceMs, async () =>
      sql.getByRole('button', { name: 'Run', exact: true }).isEnabled(),
    );
    assert.match(await sql.locator('.cm-content').innerText(), /SELECT 12345/);
    await page.context().close();
  },
);
