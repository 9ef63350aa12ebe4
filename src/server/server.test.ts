import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { z } from 'zod';
import {
  ask,
  startTestServer,
  TestClient,
  type TestServer,
  testNowUs,
  upgradeStatus,
} from '../../test/support/running-server.ts';
import { TidemarkError } from '../domain/error.ts';
import { intervals, minuteUs } from '../domain/interval.ts';
import * as schemas from '../protocol/schemas.ts';

const btc = 'binance:spot:BTCUSDT';
const shared = await startTestServer({ limits: { requestsPerSecond: 1_000_000 } }, true);
const others: TestServer[] = [];
const folders: string[] = [];
after(async () => {
  for (const server of [shared, ...others]) await server.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

async function start(...options: Parameters<typeof startTestServer>): Promise<TestServer> {
  const server = await startTestServer(...options);
  others.push(server);
  return server;
}

const sql = (body: unknown, headers: Record<string, string> = {}) =>
  ask(shared, '/api/v1/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

test('every answer is what its schema says, and says of which kind its data are', async () => {
  const routes: [string, z.ZodType][] = [
    ['instruments', schemas.instrumentsAnswerSchema],
    [`candles?instrument=${btc}&interval=1m`, schemas.candlesAnswerSchema],
    [`trades?instrument=${btc}`, schemas.tradesAnswerSchema],
    [`book?instrument=${btc}`, schemas.bookViewSchema],
    ['ledger', schemas.ledgerAnswerSchema],
    ['gaps', schemas.gapsAnswerSchema],
    [`gaps?instrument=${btc}&state=declared`, schemas.gapsAnswerSchema],
    ['status', schemas.statusAnswerSchema],
    ['tables', schemas.tablesAnswerSchema],
    ['health', schemas.healthAnswerSchema],
  ];
  for (const [route, schema] of routes) {
    const answer = await ask(shared, `/api/v1/${route}`);
    assert.equal(answer.status, 200, route);
    assert.equal(answer.headers['x-tidemark-data-kind'], 'simulated', route);
    const parsed = schema.safeParse(answer.json);
    assert.ok(parsed.success, `${route}: ${parsed.error?.message}`);
    assert.deepEqual(parsed.data, answer.json, `${route} has a field that the schema lacks`);
  }
  const result = await sql({ sql: 'select 1', maxRows: 2 });
  assert.equal(result.status, 200);
  assert.equal(schemas.sqlAnswerSchema.parse(result.json).truncated, true);
  assert.deepEqual([result.json.hasTail, (await sql({ sql: 'select 1', asOf: '7' })).json.hasTail], [true, false]);
});

test('candles can be read backwards page by page until nothing is before them', async () => {
  const whole = await ask(shared, `/api/v1/candles?instrument=${btc}&interval=1h&limit=5000`);
  let to = 'now';
  const pages: { openedAtUs: number }[] = [];
  for (;;) {
    const page = await ask(shared, `/api/v1/candles?instrument=${btc}&interval=1h&limit=7&to=${to}`);
    pages.unshift(...page.json.candles);
    if (page.json.previousUs === null) break;
    to = String(page.json.previousUs + 1);
  }
  assert.ok(pages.length > 40);
  assert.deepEqual(pages, whole.json.candles);
});

test('trades can be read backwards by id without one missing or twice', async () => {
  const ids: number[] = [];
  let before = '';
  for (let page = 0; page < 5; page++) {
    const { json } = await ask(shared, `/api/v1/trades?instrument=${btc}&limit=100${before}`);
    ids.push(...json.trades.map(({ tradeId }: { tradeId: number }) => tradeId));
    before = `&beforeId=${json.nextBeforeId}`;
  }
  assert.equal(ids.length, 500);
  assert.ok(ids.every((id, index) => index === 0 || id === ids[index - 1]! - 1));
});

test('the same range is read from µs, ms, ISO text and text relative to now', async () => {
  const fromUs = testNowUs - 60 * minuteUs;
  const answers = await Promise.all(
    [String(fromUs), String(fromUs / 1000), new Date(fromUs / 1000).toISOString(), 'now-1h', 'now-60m'].map((from) =>
      ask(shared, `/api/v1/candles?instrument=${btc}&interval=1m&from=${from}&to=now-1m`),
    ),
  );
  assert.equal(answers[0]!.json.candles.length, 59);
  for (const answer of answers) assert.deepEqual(answer.json, answers[0]!.json);
});

test('final candles are not sent twice to who has them; forming and partial ones always are', async () => {
  const final = `/api/v1/candles?instrument=${btc}&interval=1m&from=now-25m&to=now-5m`;
  const first = await ask(shared, final);
  const etag = first.headers.etag;
  assert.match(String(etag), /^W\/"[\w-]{27}"$/);
  const again = await ask(shared, final, { headers: { 'if-none-match': `"other", ${etag}` } });
  assert.equal(again.status, 304);
  assert.equal(again.text, '');
  assert.equal(again.headers['x-tidemark-data-kind'], 'simulated');
  assert.equal((await ask(shared, final, { headers: { 'if-none-match': '"other"' } })).status, 200);
  for (const range of [
    'from=now-5m',
    'from=now-185m&to=now-170m',
    'from=now-365m&to=now-350m',
    'from=now-3w&to=now-2w',
  ]) {
    const answer = await ask(shared, `/api/v1/candles?instrument=${btc}&interval=1m&${range}`);
    assert.equal(answer.headers.etag, undefined, range);
    assert.equal(answer.headers['cache-control'], 'no-store', range);
  }
});

test('a limit too large is lowered and the answer says so', async () => {
  const answer = await ask(shared, `/api/v1/trades?instrument=${btc}&limit=999999`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['x-tidemark-notice'], 'limit 999999 lowered to 5000');
});

test('each wrong question is answered with its own problem', async () => {
  const table: [string, number, string, RegExp][] = [
    ['candles', 400, 'bad-query', /instrument: it is missing/],
    [`candles?instrument=${btc}`, 400, 'bad-query', /interval: it is missing/],
    [`candles?instrument=${btc}&intreval=1m`, 400, 'bad-query', /did you mean interval\?/],
    [`candles?instrument=${btc}&instrument=${btc}&interval=1m`, 400, 'bad-query', /given twice/],
    [`candles?instrument=${btc}&interval=2m`, 400, 'bad-query', /use one of 1s/],
    [`candles?instrument=${btc}&interval=1m&from=yesterday`, 400, 'bad-query', /no instant/],
    [`candles?instrument=${btc}&interval=1m&from=now&to=now-1h`, 400, 'bad-query', /the range is empty/],
    [`candles?instrument=${btc}&interval=1m&limit=0`, 400, 'bad-query', /no count/],
    ['candles?instrument=BTCUSDT&interval=1m', 400, 'bad-instrument', /write it like/],
    [
      'candles?instrument=binance:spot:BTCUSTD&interval=1m',
      404,
      'unknown-instrument',
      /did you mean binance:spot:BTCUSDT\?/,
    ],
    [`trades?instrument=${btc}&beforeId=-1`, 400, 'bad-query', /no id/],
    [`book?instrument=${btc}&levels=many`, 400, 'bad-query', /no count/],
    ['gaps?state=close', 400, 'bad-query', /open repairing repaired declared/],
    ['status?verbose=1', 400, 'bad-query', /leave it out/],
    ['candle', 404, 'not-found', /did you mean \/api\/v1\/candles\?/],
    ['sql', 405, 'method-not-allowed', /use POST/],
    ['live', 426, 'upgrade-required', /WebSocket/],
    ['candles?instrument=%&interval=1m', 400, 'bad-instrument', /venue:market:SYMBOL/],
    [`%E0%A4%A`, 400, 'bad-request', /malformed/],
  ];
  for (const [route, status, code, detail] of table) {
    const answer = await ask(shared, `/api/v1/${route}`);
    assert.deepEqual([answer.status, answer.json?.code], [status, code], `${route}: ${answer.text}`);
    assert.match(answer.json.detail, detail, route);
    assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/, route);
    assert.equal(answer.json.status, status, route);
    schemas.problemSchema.parse(answer.json);
  }
});

test('SQL: wrong bodies, refused and endless queries each get their problem, and no path or secret leaks', async () => {
  const table: [unknown, number, string][] = [
    [{ sql: 'drop table trades' }, 400, 'bad-query'],
    [{ sql: 'select endless' }, 422, 'query-limit'],
    [{ sql: 'select explode' }, 500, 'internal'],
    [{}, 400, 'bad-query'],
    [{ sql: '' }, 400, 'bad-query'],
    [{ sql: 1 }, 400, 'bad-query'],
    [{ sql: 'select 1', maxrows: 5 }, 400, 'bad-query'],
    [{ sql: 'select 1', maxRows: 0 }, 400, 'bad-query'],
    [{ sql: 'select 1', asOf: 'yesterday' }, 400, 'bad-query'],
    [{ sql: 'x'.repeat(100_001) }, 400, 'bad-query'],
    [{ sql: 'x'.repeat(300_000) }, 413, 'body-too-large'],
    ['{"sql":', 400, 'bad-request'],
    ['{"sql":"select 1","__proto__":{"a":1}}', 400, 'bad-request'],
    ['[]', 400, 'bad-query'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, 'bad-query'],
    [`{"sql":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`, 400, 'bad-query'],
    ['', 400, 'bad-request'],
  ];
  for (const [body, status, code] of table) {
    const answer = await sql(body);
    const shown = JSON.stringify(body).slice(0, 60);
    assert.deepEqual([answer.status, answer.json?.code], [status, code], `${shown}: ${answer.text}`);
    assert.doesNotMatch(answer.text, /\/(etc|var|home|tmp)\/|passwd|\.ts:|node_modules/, shown);
  }
  assert.match((await sql({ sql: 'select 1', maxrows: 5 })).json.detail, /did you mean maxRows\?/);
  const logged = shared.logged.map(({ fields }) => String((fields as { err?: Error }).err));
  assert.ok(
    logged.some((line) => line.includes('the secret is')),
    'the log has what the client was not shown',
  );
  assert.equal((await sql('sql=select 1', { 'content-type': 'application/x-www-form-urlencoded' })).status, 415);
  assert.equal((await sql('{"sql":"select 1"}', { 'content-type': 'text/plain' })).status, 415);
});

test('a query whose client goes away is cancelled, one that is answered is not', async () => {
  const server = await start({});
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sql":"select 1"}',
  };
  assert.equal((await ask(server, '/api/v1/sql', options)).status, 200);
  let open = () => {};
  server.view.sqlGate = new Promise((resolve) => {
    open = resolve;
  });
  assert.equal(server.view.sqlCancelled, 0);
  const leaving = new AbortController();
  const asked = fetch(`${server.url}/api/v1/sql`, { ...options, signal: leaving.signal }).catch(() => 'left');
  while (server.view.sqlBegun < 2) await new Promise((resolve) => setImmediate(resolve));
  leaving.abort();
  assert.equal(await asked, 'left');
  while (server.view.sqlCancelled === 0) await new Promise((resolve) => setImmediate(resolve));
  open();
});

test('only so many queries run at once; one more is told to wait', async () => {
  const server = await start({ limits: { sqlAtOnce: 2 } });
  let open = () => {};
  server.view.sqlGate = new Promise((resolve) => {
    open = resolve;
  });
  const query = () =>
    ask(server, '/api/v1/sql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"sql":"select 1"}',
    });
  const all = [query(), query(), query()];
  const refused = await Promise.race(all);
  assert.deepEqual([refused.status, refused.json.code, refused.headers['retry-after']], [429, 'too-many-queries', '1']);
  open();
  assert.deepEqual((await Promise.all(all)).map(({ status }) => status).toSorted(), [200, 200, 429]);
  assert.equal((await query()).status, 200);
});

test('whatever is asked, the server neither breaks nor leaks', async () => {
  const word = fc.oneof(
    fc.constantFrom(
      'instrument',
      'interval',
      'from',
      'to',
      'limit',
      'levels',
      'beforeId',
      'state',
      '__proto__',
      'constructor',
    ),
    fc.string({ maxLength: 12 }),
  );
  const value = fc.oneof(
    fc.constantFrom(
      btc,
      '1m',
      '1M',
      'now',
      'now-6h',
      '0',
      '5000',
      'open',
      "' or 1=1 --",
      '../../etc/passwd',
      '\u0000',
      '9007199254740993',
      'now-999999w',
      'toString',
    ),
    fc.string({ maxLength: 30, unit: 'binary' }),
    fc.nat().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const route = fc.constantFrom(
    'candles',
    'trades',
    'book',
    'gaps',
    'status',
    'ledger',
    'instruments',
    'health',
    'openapi.json',
    'constructor',
  );
  const usual = fc.constantFrom(
    '',
    `instrument=${btc}&`,
    `instrument=${btc}&interval=1m&`,
    `instrument=${btc}&interval=1w&from=0&`,
  );
  await fc.assert(
    fc.asyncProperty(
      route,
      usual,
      fc.array(fc.tuple(word, value), { maxLength: 4 }),
      fc.boolean(),
      async (path, known, pairs, encoded) => {
        const code = (text: string) =>
          encoded ? encodeURIComponent(text.toWellFormed()) : text.replace(/[^!-~]|#/g, '_');
        const query = known + pairs.map(([key, text]) => `${code(key)}=${code(text)}`).join('&');
        const answer = await ask(shared, `/api/v1/${path}?${query}`);
        assert.ok([200, 400, 404].includes(answer.status), `${answer.status} ${answer.text}`);
        if (answer.status !== 200) schemas.problemSchema.parse(answer.json);
      },
    ),
    { numRuns: 300 },
  );
  assert.equal(({} as Record<string, unknown>)['a'], undefined);
});

test('every answer carries the headers that keep a page safe, and none that opens it to others', async () => {
  for (const path of ['/', '/chart/x', '/api/v1/status', '/api/v1/nope', '/assets/nope.js']) {
    const { headers } = await ask(shared, path, { headers: { host: `localhost:${shared.port}` } });
    const policy = String(headers['content-security-policy']);
    for (const rule of [
      "default-src 'self'",
      "script-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]) {
      assert.ok(policy.includes(rule), `${path} ${rule}`);
    }
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['server'], undefined);
    assert.equal(headers['x-powered-by'], undefined);
  }
});

test('foreign hosts and pages are refused over the socket as in the table', async () => {
  const own = `localhost:${shared.port}`;
  for (const host of ['evil.example', `evil.example:${shared.port}`, 'localhost', `localhost:${shared.port + 1}`]) {
    assert.equal((await ask(shared, '/api/v1/status', { headers: { host } })).status, 421, host);
    assert.equal((await ask(shared, '/', { headers: { host } })).status, 421, host);
    assert.equal(await upgradeStatus(shared, { host, origin: `http://${own}` }), 421, host);
  }
  for (const origin of [
    'http://evil.example',
    'null',
    `https://${own}`,
    `http://localhost:${shared.port + 1}`,
    `http://${own}.evil.example`,
  ]) {
    assert.equal(await upgradeStatus(shared, { host: own, origin }), 403, origin);
    assert.equal((await sql({ sql: 'select 1' }, { host: own, origin })).status, 403, origin);
  }
  assert.equal(await upgradeStatus(shared, { host: own, origin: `http://${own}` }), 101);
  assert.equal(await upgradeStatus(shared, { host: own }), 101);
  assert.equal(await upgradeStatus(shared, { host: own, 'sec-fetch-mode': 'websocket' }), 403);
  assert.equal(await upgradeStatus(shared, { host: own }, '/api/v1/status'), 404);
  assert.equal((await sql({ sql: 'select 1' }, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal(
    (await sql({ sql: 'select 1' }, { host: own, origin: `http://${own}`, 'sec-fetch-site': 'same-origin' })).status,
    200,
  );
});

test('the server listens beyond loopback only when told to, and says who has the port', async () => {
  const code = (wanted: string) => (error: unknown) => error instanceof TidemarkError && error.code === wanted;
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'tide.example']) {
    await assert.rejects(startTestServer({ host }), code('remote-refused'), host);
  }
  await assert.rejects(startTestServer({ port: shared.port }), (error) => {
    return code('port-in-use')(error) && /stop the other program or set server\.port/.test((error as Error).message);
  });
  const open = await start({ host: '0.0.0.0', allowRemote: true });
  assert.equal((await ask(open, '/api/v1/health')).status, 200);
});

test('health is 503 with its reason while the venue is down, and back to 200 after', async () => {
  const server = await start({});
  server.view.upstream = 'venue-down';
  const down = await ask(server, '/api/v1/health');
  assert.deepEqual([down.status, down.json.status, down.json.reasons[0].code], [503, 'failing', 'venue-down']);
  server.view.upstream = 'connecting';
  const connecting = await ask(server, '/api/v1/health');
  assert.deepEqual([connecting.status, connecting.json.status], [200, 'degraded']);
  server.view.upstream = 'live';
  assert.equal((await ask(server, '/api/v1/health')).json.status, 'ok');
});

test('metrics count what happened in the words and units of Prometheus', async () => {
  const server = await start({}, true);
  await ask(server, '/api/v1/instruments');
  const client = await TestClient.connect(server);
  await ask(server, '/api/v1/metrics');
  const { text, headers } = await ask(server, '/api/v1/metrics');
  assert.match(headers['content-type'] ?? '', /^text\/plain/);
  for (const line of [
    /^tidemark_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/instruments",status="200"\} 1$/m,
    /^# TYPE tidemark_frames_total counter$/m,
    /^tidemark_frames_total\{session="spot-1",market="spot"\} \d+$/m,
    /^tidemark_gaps\{instrument="binance:spot:BTCUSDT",stream="trade",state="declared"\} 2$/m,
    /^tidemark_rows_missing\{instrument="binance:spot:BTCUSDT",stream="trade"\} [1-9]\d*$/m,
    /^tidemark_lag_seconds\{quantile="0\.95"\} 0\.0\d+$/m,
    /^tidemark_upstream\{state="live"\} 1$/m,
    /^tidemark_live_clients 1$/m,
    /^process_resident_memory_bytes \d+$/m,
  ]) {
    assert.match(text, line);
  }
  for (const [, name] of text.matchAll(/^# TYPE (tidemark_\w+) counter$/gm)) assert.match(name!, /_total$/);
  client.socket.terminate();
});

test('the OpenAPI document names every route, its parameters and its schemas, and refers to nothing absent', async () => {
  const { json, text } = await ask(shared, '/api/v1/openapi.json');
  assert.equal(json.openapi, '3.1.0');
  const routes = [
    'instruments',
    'candles',
    'trades',
    'book',
    'ledger',
    'gaps',
    'status',
    'health',
    'metrics',
    'sql',
    'tables',
  ];
  assert.deepEqual(Object.keys(json.paths).toSorted(), routes.map((route) => `/api/v1/${route}`).toSorted());
  const parameters = json.paths['/api/v1/candles'].get.parameters;
  assert.deepEqual(
    parameters.map(({ name, required }: { name: string; required: boolean }) => [name, required]),
    [['instrument', true], ['interval', true], ['from', false], ['to', false], ['limit', false]],
  ); // biome-ignore format: a table
  assert.deepEqual(parameters[1].schema.enum, [...intervals]);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(json.components.schemas[name!], name);
});

test('without a built dashboard a page says how to build it', async () => {
  const page = await ask(shared, '/chart/binance:spot:BTCUSDT');
  assert.equal(page.status, 503);
  assert.match(page.text, /setup\.mjs --web/);
});

test('the dashboard is served at every page address, its hashed files for ever, and nothing beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark web ä-'));
  folders.push(folder);
  const server = await start({ webFolder: join(folder, 'web') });
  assert.match((await ask(server, '/')).text, /not built/);
  mkdirSync(join(folder, 'web', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'web', 'index.html'), '<title>Tidemark</title>');
  // Written after the start: a dashboard built later is served without a restart.
  writeFileSync(join(folder, 'web', 'assets', 'app-abc.js'), 'export {}');
  writeFileSync(join(folder, 'web', '.env'), 'secret');
  for (const path of [
    '/',
    '/index.html',
    '/chart/binance:spot:BTCUSDT',
    '/chart/binance:spot:BTCUSDT?i=1m&r=now-6h..now',
    '/gaps/',
  ]) {
    const page = await ask(server, path);
    assert.deepEqual([page.status, page.text], [200, '<title>Tidemark</title>'], path);
    assert.equal(page.headers['cache-control'], 'no-cache', path);
    assert.match(page.headers['content-type'] ?? '', /^text\/html/, path);
  }
  const file = await ask(server, '/assets/app-abc.js');
  assert.equal(file.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.match(file.headers['content-type'] ?? '', /javascript/);
  assert.equal((await ask(server, '/assets/app-old.js')).status, 404);
  assert.equal((await ask(server, '/api/v1/nope')).status, 404);
  for (const path of [
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%5c..%5csecret.txt',
    '//secret.txt',
    '/.env',
    '/assets/../../secret.txt',
    '/%00.txt',
  ]) {
    const answer = await ask(server, path);
    assert.doesNotMatch(answer.text, /^secret$/, path);
    assert.ok([400, 403, 404].includes(answer.status), `${path} ${answer.status}`);
  }
});

test('an address that asks too often is told to slow down', async () => {
  const server = await start({ limits: { requestsPerSecond: 5 } });
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(server, '/api/v1/health')));
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length > 0 && refused.length < 40);
  assert.equal(refused[0]!.headers['retry-after'], '1');
  assert.equal(refused[0]!.json.code, 'rate-limited');
});

test('what is not HTTP is answered with a problem, and the server lives on', async () => {
  const talk = (bytes: string) =>
    new Promise<string>((resolve) => {
      const socket = net.connect(shared.port, '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.on('data', (part) => {
        text += part.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
    });
  assert.match(await talk('NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 .*problem\+json/s);
  assert.match(await talk(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(
    await talk('POST /api/v1/sql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n'),
    /^HTTP\/1\.1 400 /,
  );
  assert.equal((await ask(shared, '/api/v1/health')).status, 200);
});

test('a client follows the market over a real socket: hello first, then whole data without a missing sequence', async () => {
  const server = await start({});
  const client = await TestClient.connect(server, { origin: `http://127.0.0.1:${server.port}` });
  assert.equal(client.messages[0].type, 'hello');
  assert.equal(client.messages[0].dataKind, 'simulated');
  const channels = [`candles/${btc}/1m`, `trades/${btc}`, `book/${btc}`, 'status'];
  client.send({ op: 'subscribe', id: 1, channels });
  await client.until(() => client.messages.filter(({ type }) => type === 'subscribed').length === 4);
  for (let i = 1; i <= 20; i++) server.view.tick(testNowUs + i * 100_000);
  await client.next(({ type, channel }) => type === 'data' && channel === 'status');
  for (const channel of channels) {
    const { sequence } = client.messages.find(
      (message) => message.type === 'subscribed' && message.channel === channel,
    );
    const got = client.messages.filter((message) => message.type === 'data' && message.channel === channel);
    assert.ok(got.length > 0, channel);
    assert.deepEqual(
      got.map((message) => message.sequence),
      got.map((_, index) => sequence + 1 + index),
      channel,
    );
    for (const { payload, sentAtUs, synced } of got) {
      assert.equal(sentAtUs, testNowUs);
      assert.equal(typeof synced, 'boolean');
      if (payload.kind === 'candles') for (const candle of payload.candles) schemas.candleRowSchema.parse(candle);
      else if (payload.kind === 'trades') for (const trade of payload.trades) schemas.tradeRowSchema.parse(trade);
      else if (payload.kind === 'book') schemas.bookViewSchema.parse(payload.book);
      else schemas.statusAnswerSchema.parse(payload.status);
    }
  }
  client.socket.terminate();
});

test('a client that stops reading is told what it lost, and every sequence is sent or told', async () => {
  const server = await start({ limits: { sendBufferBytes: 64 * 1024 } });
  const client = await TestClient.connect(server);
  const key = `book/${btc}`;
  client.send({ op: 'subscribe', id: 1, channels: [key] });
  const { sequence } = await client.next(({ type }) => type === 'subscribed');
  client.socket.pause();
  const payload = {
    kind: 'book',
    book: server.view.book({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 200),
  } as const;
  const skipped = async () =>
    Number(/^tidemark_live_messages_skipped_total (\d+)$/m.exec((await ask(server, '/api/v1/metrics')).text)?.[1]);
  let told = 0;
  // The kernel's buffers take megabytes before the server notices.
  while ((await skipped()) === 0) {
    for (let i = 0; i < 200; i++) server.view.tell({ kind: 'book', instrument: btc }, payload);
    told += 200;
  }
  client.socket.resume();
  const last = sequence + told;
  await client.until(() => client.messages.some((message) => message.sequence === last || message.to === last));
  const seen = client.messages.filter(({ type }) => type === 'data' || type === 'reset');
  let expected = sequence + 1;
  for (const message of seen) {
    assert.equal(message.sequence ?? message.from, expected);
    expected = (message.sequence ?? message.to) + 1;
  }
  assert.equal(expected, last + 1);
  assert.equal(seen.find(({ type }) => type === 'reset')?.reason, 'slow-client');
  client.socket.terminate();
});

test('messages too large or in binary end the socket, and no more clients than allowed come in', async () => {
  const server = await start({ limits: { liveClients: 2 } });
  const large = await TestClient.connect(server);
  large.socket.send('x'.repeat(64 * 1024 + 1));
  await large.until(() => large.closed !== undefined).catch(() => {});
  assert.equal(large.closed?.code, 1009);
  const binary = await TestClient.connect(server);
  binary.socket.send(Buffer.from('{}'));
  await binary.until(() => binary.closed !== undefined).catch(() => {});
  assert.equal(binary.closed?.code, 1003);
  const first = await TestClient.connect(server);
  const second = await TestClient.connect(server);
  assert.equal(await upgradeStatus(server, { host: `127.0.0.1:${server.port}` }), 503);
  first.socket.terminate();
  second.socket.terminate();
});

test('closing says goodbye to every client and frees the port', async () => {
  const server = await startTestServer();
  const client = await TestClient.connect(server);
  client.send({ op: 'subscribe', id: 1, channels: ['status', `trades/${btc}`] });
  await client.next(({ type, channel }) => type === 'subscribed' && channel !== 'status');
  await Promise.all([server.close(), server.close()]);
  await client.until(() => client.closed !== undefined).catch(() => {});
  assert.equal(client.closed?.code, 1001);
  assert.equal(server.view.followerCount(`trades/${btc}`), 0);
  await (await startTestServer({ port: server.port })).close();
});
