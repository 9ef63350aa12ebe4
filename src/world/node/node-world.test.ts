import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { worldContract } from '../../ports/world.contract.ts';
import { createNodeWorld } from './index.ts';

worldContract(
  'Node world',
  (t) => {
    const folder = mkdtempSync(`${tmpdir()}/files-`);
    t.after(() => rmSync(folder, { recursive: true }));
    return { world: createNodeWorld(), folder, inTime: (promise) => promise };
  },
  { 'what was synced is there after a power cut': 'a test cannot cut the power of the machine it runs on' },
);

async function serve(context: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const limits = { timeoutMs: 5000, maxBodyBytes: 1000 };

test('a redirect and an error status are answers, not errors', async (context) => {
  const base = await serve(context, (request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/other' }).end('moved');
    else response.writeHead(418, { 'Retry-After': '7' }).end('teapot');
  });
  const { network } = createNodeWorld();
  const moved = await network.httpGet(`${base}/moved`, limits);
  assert.deepEqual([moved.status, moved.headers['location']], [302, '/other']);
  const banned = await network.httpGet(`${base}/x`, limits);
  assert.deepEqual([banned.status, banned.headers['retry-after'], String(banned.body)], [418, '7', 'teapot']);
});

test('an answer that is too long, too late, cut off or not there is a network error that names the URL', async (context) => {
  const base = await serve(context, (request, response) => {
    if (request.url === '/long') response.end('x'.repeat(2000));
    else if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => request.socket.destroy());
    }
  });
  const { network } = createNodeWorld();
  for (const [url, why] of [
    [`${base}/long`, /longer than 1000/],
    [`${base}/never`, /within 50 ms/],
    [`${base}/cut`, /./],
    ['http://127.0.0.1:1/', /ECONNREFUSED/],
    ['no url', /not a URL/],
  ] as const) {
    await assert.rejects(network.httpGet(url, { ...limits, timeoutMs: url.endsWith('never') ? 50 : 5000 }), {
      code: 'network',
      what: url,
      why,
    });
  }
});

test('a host name can stand for an address here, and is still the one that is asked for', async (context) => {
  let host: string | undefined;
  const base = await serve(context, (request, response) => {
    host = request.headers.host;
    response.end('{}');
  });
  const world = createNodeWorld({
    resolve: { 'api.example.test': { address: '127.0.0.1', port: Number(new URL(base).port) } },
  });
  assert.equal((await world.network.httpGet('http://api.example.test/x', limits)).status, 200);
  assert.equal(host, 'api.example.test');
});

test('wall time stays within the millisecond of the system clock', () => {
  const { clock } = createNodeWorld();
  for (let index = 0; index < 10_000; index += 1) {
    const fromMs = Date.now();
    const wallUs = clock.wallUs();
    assert.ok(wallUs >= fromMs * 1000 && wallUs < (Date.now() + 1) * 1000);
  }
});
