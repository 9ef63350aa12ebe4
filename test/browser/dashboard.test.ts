import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { builtDashboard, chromiumPath, type Started, startMarket, until } from './started.ts';

const patienceMs = 20_000;

let market: Started;
let browser: Browser;

interface Watched {
  readonly page: Page;
  readonly complaints: string[];
  readonly foreign: string[];
}

/** A page whose console errors, policy violations and requests to other hosts are kept. */
async function open(
  path: string,
  options: { width?: number; height?: number; expectLoss?: boolean } = {},
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: 'dark',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on('console', (message) => {
    if (/^(error|warning)$/.test(message.type()) && options.expectLoss !== true) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== 'data:' && protocol !== 'blob:' && host !== new URL(market.url).host) foreign.push(request.url());
  });
  await page.addInitScript(() => {
    const kept: string[] = [];
    Object.assign(window, { violations: kept });
    document.addEventListener('securitypolicyviolation', (event) =>
      kept.push(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  await page.goto(`${market.url}${path}`);
  await painted(page);
  return { page, complaints, foreign };
}

/** Waits until candles are on the screen: the legend has values. */
async function painted(page: Page): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('[data-testid=legend]')?.textContent?.includes('C'),
    undefined,
    {
      timeout: patienceMs,
    },
  );
}

const chartPath = '/chart/binance:spot:BTCUSDT?i=1m';

function text(page: Page, name: string): Promise<string> {
  return page.getByTestId(name).innerText();
}

/** First and last instant in view, as the range line says them. */
async function rangeOf(page: Page): Promise<{ from: number; to: number; bars: number }> {
  const match = /^(\S+ \S+) – (\S+) UTC, (\d+) bars/.exec(await text(page, 'range-text'));
  assert.ok(match !== null, 'the range line can be read');
  const from = Date.parse(`${match[1]!.replace(' ', 'T')}Z`);
  const to = Date.parse(`${match[1]!.slice(0, 10)}T${match[2]}Z`);
  return { from, to: to < from ? to + 86_400_000 : to, bars: Number(match[3]) };
}

/** The range line once it says no more of a move: it follows the view a few frames later. */
async function settledRange(page: Page): Promise<Awaited<ReturnType<typeof rangeOf>>> {
  let before = await rangeOf(page);
  await until('a range that stays', patienceMs, async () => {
    await page.waitForTimeout(400);
    const now = await rangeOf(page);
    const isSame = now.from === before.from && now.to === before.to;
    before = now;
    return isSame;
  });
  return before;
}

async function dragPlot(page: Page, byPx: number): Promise<void> {
  const box = (await page.getByTestId('plot').boundingBox())!;
  const y = box.y + box.height * 0.4;
  const x = byPx > 0 ? box.x + 80 : box.x + 80 - byPx;
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + byPx, y, { steps: 6 });
  await page.mouse.up();
  await page.mouse.move(box.x + box.width / 2, box.y - 40);
}

async function gapInView(page: Page): Promise<void> {
  for (let pull = 0; pull < 30; pull++) {
    if ((await page.locator('.gap-label').count()) > 0) return;
    const before = await text(page, 'range-text');
    await dragPlot(page, 700);
    // Labels are drawn together with the range line, which is a few frames late.
    await until('another range', patienceMs, async () => (await text(page, 'range-text')) !== before);
  }
  assert.fail('no gap came into view within thirty screens');
}

before(async () => {
  const executablePath = chromiumPath();
  assert.ok(executablePath !== undefined, 'Chromium is on the PATH, or TIDEMARK_CHROMIUM names it');
  assert.ok(existsSync(builtDashboard), 'the dashboard is built (npm test builds it)');
  [market, browser] = await Promise.all([startMarket(), chromium.launch({ executablePath })]);
});

after(async () => {
  await browser?.close();
  await market?.kill();
});

test('the page opens on a recorded symbol, paints candles, and its legend and price move', async () => {
  const { page, complaints, foreign } = await open('/');
  assert.match(page.url(), /\/chart\/binance:spot:BTCUSDT\?i=1m/);
  const coloured = await page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('[data-testid=plot] canvas')!;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set<number>();
    for (let at = 0; at < data.length; at += 4) colours.add((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!);
    return colours.size;
  });
  assert.ok(coloured > 8, `the canvas shows ${coloured} colours`);
  const [legend, price] = [await text(page, 'legend'), await text(page, 'last-price')];
  await until('another legend', patienceMs, async () => (await text(page, 'legend')) !== legend);
  await until('another price', patienceMs, async () => (await text(page, 'last-price')) !== price);
  assert.ok((await page.locator('.ladder-row[data-side=bid]').count()) > 3);
  assert.ok((await page.locator('.tape-row').count()) > 3);
  assert.deepEqual(await page.evaluate(() => (window as unknown as { violations: string[] }).violations), []);
  assert.deepEqual(complaints, []);
  assert.deepEqual(foreign, []);
  await page.context().close();
});

test('SIMULATED stands in the title, the strip, book, tape and header, and nothing closes it', async () => {
  const { page } = await open(chartPath);
  await until('the word in the title', patienceMs, async () => (await page.title()).startsWith('SIMULATED'));
  assert.equal(await page.evaluate(() => document.documentElement.dataset['kind']), 'simulated');
  for (const place of ['.strip', '.book', '.tape', '.claim', '[data-testid=legend]'])
    assert.match(await page.locator(place).innerText(), /SIMULATED/, place);
  await page.keyboard.press('Escape');
  assert.match(await page.locator('.strip').innerText(), /SIMULATED/);
  await page.context().close();
});

test('live updates leave zoom and place alone, and following goes on when asked', async () => {
  const { page } = await open(chartPath);
  await dragPlot(page, 400);
  await until('the view away from the newest bar', patienceMs, async () =>
    /Jump to live/.test(await text(page, 'follow')),
  );
  const kept = await settledRange(page);
  const price = await text(page, 'last-price');
  for (let turn = 0; turn < 3; turn++) {
    const seen = await text(page, 'last-price');
    await until('another price', patienceMs, async () => (await text(page, 'last-price')) !== seen);
  }
  assert.notEqual(await text(page, 'last-price'), price);
  assert.deepEqual(await rangeOf(page), kept);
  await page.getByTestId('follow').click();
  await until('the newest bar in view', patienceMs, async () => /Following live/.test(await text(page, 'follow')));
  await page.context().close();
});

test('scrolling back loads older pages and moves no bar that is in view', async () => {
  const { page } = await open(chartPath);
  let pages = 0;
  page.on('response', (response) => {
    if (/candles\?.*limit=2000/.test(response.url())) pages++;
  });
  const first = await rangeOf(page);
  let far = first;
  for (let pull = 0; pull < 12 && (pages === 0 || far.to >= first.from); pull++) {
    await dragPlot(page, 800);
    await page.waitForTimeout(100);
    far = await rangeOf(page);
  }
  await until('an older page', patienceMs, () => pages > 0);
  far = await settledRange(page);
  assert.ok(far.to < first.from);
  await page.waitForTimeout(400);
  assert.deepEqual(await rangeOf(page), far);
  await page.context().close();
});

test('an older page that arrives just after following was asked for does not stop it', async () => {
  const { page } = await open(chartPath);
  let release: (() => void) | undefined;
  await page.route(/candles\?.*limit=2000/, async (route) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    await route.continue();
  });
  for (let pull = 0; pull < 12 && release === undefined; pull++) {
    await dragPlot(page, 800);
    await page.waitForTimeout(100);
  }
  assert.ok(release !== undefined, 'an older page was asked for');
  const answered = page.waitForResponse(/candles\?.*limit=2000/);
  await page.getByTestId('follow').click();
  release();
  await answered;
  await until('the newest bar in view', patienceMs, async () => /Following live/.test(await text(page, 'follow')));
  await page.context().close();
});

test('a gap is drawn as a band with its time, length and reason', async () => {
  const { page } = await open(chartPath);
  await gapInView(page);
  const label = await page.locator('.gap-label').first().innerText();
  assert.match(label, /gap \d\d:\d\d/);
  assert.match(label, /\d+ bars?/);
  assert.match(label, /disconnect|process-stop|server-drop|rate-limited|unknown/);
  const held = page.locator('[data-item="Held in view"]');
  await until('no word of complete', patienceMs, async () => !/complete/.test(await held.innerText()));
  await page.context().close();
});

test('symbol and interval are in the address, and back goes back', async () => {
  const { page } = await open(chartPath);
  await page.getByTestId('symbol-picker').click();
  await page.keyboard.type('eth');
  await page.keyboard.press('Enter');
  await until('the other symbol', patienceMs, async () => (await page.locator('h1').innerText()) === 'ETHUSDT');
  await painted(page);
  await page.getByRole('button', { name: '5m, 5 minutes' }).click();
  await page.waitForURL(/ETHUSDT\?i=5m/);
  await page.goBack();
  await page.waitForURL(/ETHUSDT\?i=1m/);
  await page.goBack();
  await until('the first symbol again', patienceMs, async () => (await page.locator('h1').innerText()) === 'BTCUSDT');
  await page.context().close();
});

test('the chart is worked by keys alone: cursor, provenance, close, next symbol, help', async () => {
  const { page } = await open(chartPath);
  await page.getByTestId('plot').focus();
  const newest = await text(page, 'legend');
  for (let step = 0; step < 5; step++) await page.keyboard.press('ArrowLeft');
  await until('the legend of an older bar', patienceMs, async () => /final/.test(await text(page, 'legend')));
  assert.notEqual(await text(page, 'legend'), newest);
  await page.keyboard.press('Enter');
  const drawer = page.getByLabel('Provenance', { exact: true });
  await until('the drawer', patienceMs, async () => (await drawer.count()) > 0);
  assert.match(await drawer.innerText(), /First trade id\s+[\d\u2009]+/);
  assert.match(await drawer.innerText(), /SELECT[\s\S]*FROM (agg_)?trades/);
  await page.keyboard.press('Escape');
  await until('no drawer', patienceMs, async () => (await drawer.count()) === 0);
  await page.keyboard.press('?');
  await until('the help', patienceMs, async () => (await page.getByText('Keys and signs').count()) > 0);
  await page.keyboard.press('Escape');
  await page.getByTestId('plot').focus();
  await page.keyboard.press(']');
  await until('the next symbol', patienceMs, async () => (await page.locator('h1').innerText()) !== 'BTCUSDT');
  await page.context().close();
});

test('the tape stands still while it is looked at and counts what is new', async () => {
  const { page } = await open(chartPath);
  await page.locator('.tape-rows').hover();
  await until('the count of new trades', patienceMs, async () =>
    /held · \+\d+ new/.test(await page.locator('.tape').innerText()),
  );
  const held = await page.locator('.tape-rows').innerText();
  await page.waitForTimeout(300);
  assert.equal(await page.locator('.tape-rows').innerText(), held);
  await page.context().close();
});

test('at 390 px nothing is wider than the screen, and strip, book and tape are in reach', async () => {
  const { page } = await open(chartPath, { width: 390, height: 844 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
  await until('both words in the strip', patienceMs, async () =>
    /SIMULATED[\s\S]*(LIVE|QUIET)/.test(await page.locator('.strip').innerText()),
  );
  await page.getByRole('button', { name: 'Book' }).click();
  assert.ok(await page.locator('.book').isVisible());
  await page.getByRole('button', { name: 'Tape' }).click();
  assert.ok(await page.locator('.tape').isVisible());
  assert.ok(await page.locator('.strip').isVisible());
  await page.context().close();
});

test('first load and every route stay within their weight', () => {
  const folder = join(dirname(builtDashboard), 'assets');
  const entryHtml = readFileSync(builtDashboard, 'utf8');
  const sizeOf = (name: string): number => gzipSync(readFileSync(join(folder, name))).length;
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
  /** A script and whatever it imports at once. */
  const reached = (name: string, all = new Set<string>()): Set<string> => {
    if (all.has(name)) return all;
    all.add(name);
    const source = readFileSync(join(folder, name), 'utf8');
    for (const [, imported] of source.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) reached(imported!, all);
    return all;
  };
  const sum = (names: Iterable<string>): number => [...names].reduce((total, name) => total + sizeOf(name), 0) / 1024;
  const first = new Set(scripts.filter((name) => entryHtml.includes(name)).flatMap((name) => [...reached(name)]));
  assert.ok(first.size > 0);
  assert.ok(sum(first) <= 230, `first load is ${sum(first).toFixed(1)} KiB gzip`);
  for (const [route, most] of [
    ['chart-page', 80],
    ['sql-page', 200],
    ['jobs-page', 60],
    ['reports-page', 60],
  ] as const) {
    const page = scripts.find((name) => name.startsWith(`${route}-`));
    assert.ok(page !== undefined, route);
    const extra = [...reached(page)].filter((name) => !first.has(name));
    assert.ok(sum(extra) <= most, `${route} is ${sum(extra).toFixed(1)} KiB gzip more than the first load`);
  }
  const styles = readdirSync(folder).filter((name) => name.endsWith('.css'));
  assert.ok(sum(styles) <= 30, `all styles together are ${sum(styles).toFixed(1)} KiB gzip`);
});

// The last test: it ends the program under test.
test('a lost server is said in words within seconds, the chart stays, and it comes back by itself', async () => {
  const { page } = await open(chartPath, { expectLoss: true });
  const { bars } = await settledRange(page);
  await market.kill();
  await until('RECONNECTING in the strip', patienceMs, async () =>
    /RECONNECTING/.test(await page.locator('.strip').innerText()),
  );
  await until('the banner', patienceMs, async () => (await page.locator('.banner').count()) > 0);
  assert.match(await page.locator('.banner').innerText(), /Server not reached for \d+ s/);
  assert.equal(await page.evaluate(() => document.documentElement.dataset['conn']), 'cold');
  assert.equal((await rangeOf(page)).bars, bars);
  const attempt = async (): Promise<number> =>
    Number(/Attempt (\d+)/.exec(await page.locator('.banner').innerText())?.[1]);
  // The pauses have grown by then, so that the next attempt is the button's.
  await until('the fourth attempt', patienceMs, async () => (await attempt()) >= 4);
  const before = await attempt();
  await page.getByRole('button', { name: 'Retry now' }).click();
  await until('one attempt more', 2_000, async () => (await attempt()) > before);
  await market.restart();
  await until('no banner', patienceMs, async () => (await page.locator('.banner').count()) === 0);
  await until('LIVE again', patienceMs, async () => /LIVE|QUIET/.test(await page.locator('.strip').innerText()));
  await page.context().close();
});
