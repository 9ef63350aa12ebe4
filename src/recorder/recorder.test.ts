import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { openJournalReader } from '../journal/reader.ts';
import { openJournalWriter } from '../journal/writer.ts';
import { type JournalWriter, type PulseRecord, recordKinds, type SessionRecord } from '../ports/journal.ts';
import { type Logger, silentLog } from '../ports/log.ts';
import type { Plan, SessionLimits, Source } from '../ports/source.ts';
import type { World } from '../ports/world.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { type RecorderOptions, startRecorder } from './index.ts';

const source = {
  venue: 'binance',
  subscribeMessage: (names: readonly string[], id: number) =>
    JSON.stringify({ method: 'SUBSCRIBE', params: names, id }),
} as unknown as Source;

const limits: SessionLimits = {
  lifetimeMs: 86_400_000,
  silenceMs: 60_000,
  messagesPerSecond: 50,
  namesPerMessage: 1,
  maxFrameBytes: 100_000,
};

function planOf(urls: string[], changes: Partial<SessionLimits> = {}, names = ['a@trade', 'b@trade']): Plan {
  const instrument = { venue: 'binance', market: 'spot', symbol: 'A' } as const;
  return {
    formatVersion: 1,
    dataKind: 'simulated',
    venueTime: { mode: 'wall', offsetUs: 5 },
    sessions: [
      {
        id: 'spot-0',
        market: 'spot',
        urls,
        streams: names.map((name) => ({ instrument, kind: 'trade', name })),
        limits: { ...limits, ...changes },
      },
    ],
  };
}

/** A venue that acknowledges subscriptions and lets the test drive the rest. */
async function openVenue(
  context: TestContext,
  refuse?: (request: IncomingMessage, response: ServerResponse) => boolean,
) {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const connections: WebSocket[] = [];
  const subscriptions: string[][] = [];
  let dials = 0;
  let arrived: () => void = () => {};
  server.on('upgrade', (request, socket, head) => {
    dials += 1;
    const answer = { statusCode: 0, headers: {} as Record<string, string>, body: '' };
    const response = {
      writeHead(status: number, headers: Record<string, string>) {
        answer.statusCode = status;
        answer.headers = headers;
        return response;
      },
      end(body: string) {
        answer.body = body;
      },
    } as unknown as ServerResponse;
    if (refuse?.(request, response)) {
      const lines = Object.entries({ ...answer.headers, 'content-length': answer.body.length, connection: 'close' });
      socket.end(
        `HTTP/1.1 ${answer.statusCode} No\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${answer.body}`,
      );
      arrived();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      connections.push(connection);
      const names: string[] = [];
      subscriptions.push(names);
      connection.on('message', (data) => {
        const { id, params } = JSON.parse(String(data)) as { id: number; params: string[] };
        names.push(...params);
        connection.send(JSON.stringify({ result: null, id }));
        arrived();
      });
      arrived();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const connection of connections) connection.terminate();
    server.close();
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/stream`,
    connections,
    subscriptions,
    dials: () => dials,
    async until(isTrue: () => boolean): Promise<void> {
      while (!isTrue()) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 20);
          arrived = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
  };
}

async function openRig(context: TestContext, options: { world?: World; log?: Logger; maxUnsyncedBytes?: number } = {}) {
  const folder = mkdtempSync(`${tmpdir()}/recorder-`);
  const world = options.world ?? createNodeWorld();
  const writer = await openJournalWriter(world, {
    folder: `${folder}/journal`,
    writer: 'recorder',
    version: '0',
    onFailure: () => {},
  });
  const reader = await openJournalReader(createNodeWorld(), { folder: `${folder}/journal` });
  const recorders: ReturnType<typeof startRecorder>[] = [];
  context.after(async () => {
    for (const recorder of recorders) await recorder.stop().catch(() => {});
    await reader.close();
    await writer.close().catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    world,
    folder,
    journal: writer as JournalWriter,
    start: (how: Pick<RecorderOptions, 'staticPlan'> | Pick<RecorderOptions, 'planFile'>) => {
      const recorder = startRecorder(world, {
        journal: writer,
        source,
        log: options.log ?? silentLog,
        ...(options.maxUnsyncedBytes === undefined ? {} : { maxUnsyncedBytes: options.maxUnsyncedBytes }),
        ...how,
      });
      recorders.push(recorder);
      return recorder;
    },
    /** All records that are in the journal now. */
    async records() {
      await writer.sync();
      const frames: { session: number; text: string; receivedAtUs: number; monotonicUs: number }[] = [];
      const sessions: SessionRecord[] = [];
      const plans: Plan[] = [];
      const pulses: PulseRecord[] = [];
      for (let from = await reader.start(); ; ) {
        const block = await reader.read(from, 1 << 20);
        if (block === undefined) break;
        block.forEach((record) => {
          const text = Buffer.from(record.bytes.subarray(record.start, record.end)).toString('latin1');
          if (record.kind === recordKinds.frame) {
            frames.push({
              session: record.session,
              text,
              receivedAtUs: record.receivedAtUs,
              monotonicUs: record.monotonicUs,
            });
          } else if (record.kind === recordKinds.session) sessions.push(JSON.parse(text) as SessionRecord);
          else if (record.kind === recordKinds.plan) plans.push(JSON.parse(text) as Plan);
          else if (record.kind === recordKinds.pulse) pulses.push(JSON.parse(text) as PulseRecord);
        });
        from = block.to;
      }
      const data = frames.filter((frame) => !frame.text.includes('"result"'));
      return { frames, data, sessions, plans, pulses };
    },
  };
}

type Rig = Awaited<ReturnType<typeof openRig>>;

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function events(rig: Rig): Promise<string[]> {
  return (await rig.records()).sessions.map((record) => record.event);
}

const trade = (id: number): string => `{"stream":"a@trade","data":{"e":"trade","E":1723161255000,"s":"A","t":${id}}}`;

test('frames are journalled byte for byte, with the story of their session around them', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  rig.start({ staticPlan: planOf([venue.url]) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  const odd = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d]);
  venue.connections[0]!.send(trade(1));
  venue.connections[0]!.send(odd, { binary: false });
  venue.connections[0]!.send(Buffer.from([1, 2, 3]), { binary: true });
  await until(async () => (await rig.records()).data.length === 3);
  const { data, sessions, plans, frames } = await rig.records();
  assert.deepEqual(
    data.map((frame) => frame.text),
    [trade(1), odd.toString('latin1'), '\u0001\u0002\u0003'],
  );
  assert.equal(plans.length, 1);
  assert.deepEqual(
    sessions.map((record) => record.event).sort(),
    ['acknowledged', 'acknowledged', 'dialled', 'opened', 'subscribed', 'subscribed'].sort(),
  );
  assert.equal(new Set(frames.map((frame) => frame.session)).size, 1);
  assert.equal(frames[0]!.session, sessions[0]!.session);
  for (let index = 1; index < frames.length; index += 1) {
    assert.ok(frames[index]!.monotonicUs >= frames[index - 1]!.monotonicUs);
  }
});

test('a lost connection is dialled again and gets a session number of its own', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  rig.start({ staticPlan: planOf([venue.url]) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  venue.connections[0]!.terminate();
  await venue.until(() => venue.subscriptions[1]?.length === 2);
  venue.connections[1]!.send(trade(2));
  await until(async () => (await rig.records()).data.length === 1);
  const { sessions, data } = await rig.records();
  const closed = sessions.find((record) => record.event === 'closed');
  const dialled = sessions.filter((record) => record.event === 'dialled');
  assert.ok(closed?.event === 'closed' && closed.side === 'network');
  assert.equal(dialled.length, 2);
  assert.equal(closed.session, dialled[0]!.session);
  assert.equal(data[0]!.session, dialled[1]!.session);
});

for (const cause of ['the end of its life is near', 'the venue announces a shutdown'] as const) {
  test(`a connection is replaced without a hole when ${cause}`, async (context) => {
    const venue = await openVenue(context);
    const rig = await openRig(context);
    const isRotation = cause === 'the end of its life is near';
    rig.start({ staticPlan: planOf([venue.url], isRotation ? { lifetimeMs: 1200 } : {}) });
    await venue.until(() => venue.subscriptions[0]?.length === 2);
    // The venue sends the same stream to every connection, as the real one does.
    let id = 0;
    const sender = setInterval(() => {
      id += 1;
      for (const connection of venue.connections) connection.send(trade(id));
    }, 2);
    context.after(() => clearInterval(sender));
    if (!isRotation) {
      venue.connections[0]!.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}');
    }
    await until(async () => (await events(rig)).includes('closed'));
    clearInterval(sender);
    const { sessions, data } = await rig.records();
    const order = sessions.filter((record) => record.event === 'opened' || record.event === 'closed');
    assert.deepEqual(
      order.slice(0, 3).map((record) => record.event),
      ['opened', 'opened', 'closed'],
    );
    const closed = order[2]!;
    assert.ok(closed.event === 'closed' && closed.side === 'us' && closed.reason === 'replaced');
    assert.equal(closed.session, order[0]!.session);
    const ids = new Set(data.flatMap((frame) => /"t":(\d+)/.exec(frame.text)?.[1] ?? []).map(Number));
    const [first, last] = [Math.min(...ids), Math.max(...ids)];
    assert.equal(ids.size, last - first + 1);
    assert.ok(ids.size < data.length, 'both connections delivered for a while');
  });
}

test('451 is said clearly and the next host is tried', async (context) => {
  const messages: string[] = [];
  const log: Logger = { ...silentLog, error: (_fields, message) => messages.push(message) };
  const refusing = await openVenue(context, (_request, response) => {
    response.writeHead(451, {}).end('restricted location');
    return true;
  });
  const venue = await openVenue(context);
  const rig = await openRig(context, { log });
  rig.start({ staticPlan: planOf([refusing.url, venue.url]) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  const { sessions } = await rig.records();
  const closed = sessions.find((record) => record.event === 'closed');
  assert.ok(closed?.event === 'closed' && closed.refusedStatus === 451 && closed.side === 'venue');
  assert.ok(messages.some((message) => message.includes('does not serve this location (451)')));
  assert.equal(refusing.dials(), 1);
});

test('after 429 nobody dials until the venue said it may be', async (context) => {
  let refusedAtMs = 0;
  const venue = await openVenue(context, (_request, response) => {
    if (refusedAtMs > 0) return false;
    refusedAtMs = performance.now();
    response.writeHead(429, { 'retry-after': '1' }).end('slow down');
    return true;
  });
  const rig = await openRig(context);
  rig.start({ staticPlan: planOf([venue.url]) });
  await venue.until(() => venue.dials() === 2);
  assert.ok(performance.now() - refusedAtMs >= 990);
});

test('a silent connection is dropped and replaced', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  rig.start({ staticPlan: planOf([venue.url], { silenceMs: 300 }) });
  await venue.until(() => venue.connections.length === 2);
  const { sessions } = await rig.records();
  const closed = sessions.find((record) => record.event === 'closed');
  assert.ok(closed?.event === 'closed' && closed.side === 'us' && closed.reason.startsWith('silent'));
});

test('pings alone keep a quiet connection', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  rig.start({ staticPlan: planOf([venue.url], { silenceMs: 700 }) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  for (let index = 0; index < 10; index += 1) {
    venue.connections[0]!.ping('1');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(!(await events(rig)).includes('closed'));
});

test('a frame over the limit costs its connection, not the recorder', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  rig.start({ staticPlan: planOf([venue.url]) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  venue.connections[0]!.send('x'.repeat(200_000));
  await venue.until(() => venue.subscriptions[1]?.length === 2);
  venue.connections[1]!.send(trade(1));
  await until(async () => (await rig.records()).data.length === 1);
  const closed = (await rig.records()).sessions.find((record) => record.event === 'closed');
  assert.ok(closed?.event === 'closed' && closed.code === 1009 && closed.side === 'us');
});

test('a frame of 64 MiB is refused by its name, one just within the limit comes back whole, and recording goes on', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  const maxFrameBytes = 8 * 1024 * 1024;
  rig.start({ staticPlan: planOf([venue.url], { maxFrameBytes }) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  const largest = Buffer.alloc(maxFrameBytes, 'abcdefghij');
  venue.connections[0]!.send(trade(1));
  venue.connections[0]!.send(largest, { binary: false });
  venue.connections[0]!.send('');
  venue.connections[0]!.send(Buffer.alloc(64 * 1024 * 1024, 'x'), { binary: false });
  await venue.until(() => venue.subscriptions[1]?.length === 2);
  venue.connections[1]!.send(trade(2));
  await until(async () => (await rig.records()).data.length === 4);
  const { data, sessions } = await rig.records();
  assert.deepEqual(
    data.map(({ text }) => text.length),
    [trade(1).length, maxFrameBytes, 0, trade(2).length],
  );
  assert.ok(largest.equals(Buffer.from(data[1]!.text, 'latin1')));
  const closed = sessions.find((record) => record.event === 'closed');
  assert.ok(closed?.event === 'closed' && closed.code === 1009 && closed.side === 'us');
  assert.equal(closed.reason, `frame over ${maxFrameBytes} bytes`);
});

test('pings are answered while the disk is slow', async (context) => {
  const venue = await openVenue(context);
  const world = createNodeWorld();
  let isSlow = false;
  let release: () => void = () => {};
  const slow: World = {
    ...world,
    files: {
      ...world.files,
      open(path, mode) {
        const file = world.files.open(path, mode);
        const stall = async (): Promise<void> => {
          if (isSlow) await new Promise<void>((resolve) => (release = resolve));
        };
        return {
          ...file,
          appendLater: async (parts) => {
            await stall();
            return file.appendLater(parts);
          },
          sync: async () => {
            await stall();
            return file.sync();
          },
        };
      },
    },
  };
  const rig = await openRig(context, { world: slow });
  rig.start({ staticPlan: planOf([venue.url]) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  isSlow = true;
  venue.connections[0]!.send(trade(1));
  for (let index = 0; index < 5; index += 1) {
    venue.connections[0]!.ping(`ping ${index}`);
    const [payload] = (await once(venue.connections[0]!, 'pong')) as [Buffer];
    assert.equal(payload.toString(), `ping ${index}`);
  }
  assert.ok(rig.journal.unsyncedBytes > 0);
  isSlow = false;
  release();
  await until(async () => (await rig.records()).data.length === 1);
});

test('a journal that falls behind holds the venue back instead of filling the memory, and loses nothing', async (context) => {
  const venue = await openVenue(context);
  const world = createNodeWorld();
  const waiting: (() => void)[] = [];
  let isSlow = true;
  const slow: World = {
    ...world,
    files: {
      ...world.files,
      open(path, mode) {
        const file = world.files.open(path, mode);
        return {
          ...file,
          sync: async () => {
            if (isSlow && venue.connections.length > 0) await new Promise<void>((resolve) => waiting.push(resolve));
            return file.sync();
          },
        };
      },
    },
  };
  const rig = await openRig(context, { world: slow, maxUnsyncedBytes: 100_000 });
  const recorder = rig.start({ staticPlan: planOf([venue.url]) });
  await venue.until(() => venue.subscriptions[0]?.length === 2);
  const count = 50_000;
  for (let id = 0; id < count; id += 1) venue.connections[0]!.send(trade(id));
  await until(() => rig.journal.unsyncedBytes > 100_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // One chunk of the socket may still be on its way when reading stops.
  assert.ok(rig.journal.unsyncedBytes < 1_000_000, `${rig.journal.unsyncedBytes} bytes`);
  isSlow = false;
  for (const go of waiting) go();
  const acknowledgements = 2;
  await until(() => recorder.sessions()[0]!.frames === count + acknowledgements);
  assert.equal((await rig.records()).data.length, count);
});

test('only sessions whose definition changed are restarted when the plan changes', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  const planFile = `${rig.folder}/plan.json`;
  const write = (plan: Plan): void => rig.world.files.writeAtomic(planFile, Buffer.from(JSON.stringify(plan)));
  const first = planOf([venue.url]);
  const other = { ...first.sessions[0]!, id: 'spot-1' };
  rig.start({ planFile });
  write({ ...first, sessions: [first.sessions[0]!, other] });
  await venue.until(() => venue.subscriptions.filter((names) => names.length === 2).length === 2);
  rig.world.files.writeAtomic(planFile, Buffer.from('{"formatVersion":1'));
  const changed = { ...other, streams: [...other.streams, { ...other.streams[0]!, name: 'c@trade' }] };
  await new Promise((resolve) => setTimeout(resolve, 600));
  write({ ...first, sessions: [first.sessions[0]!, changed] });
  await until(async () => (await events(rig)).includes('closed'));
  const { sessions, plans } = await rig.records();
  assert.equal(plans.length, 2);
  const dialled = sessions.flatMap((record) => (record.event === 'dialled' ? [record] : []));
  assert.deepEqual(
    dialled.map((record) => record.planSession),
    ['spot-0', 'spot-1', 'spot-1'],
  );
  const closed = sessions.filter((record) => record.event === 'closed');
  assert.deepEqual(
    closed.map((record) => record.session),
    [dialled[1]!.session],
  );
  assert.deepEqual(venue.subscriptions[2], ['a@trade', 'b@trade', 'c@trade']);
});

test('a second passing is recorded, with the venue time that the plan gives or the newest frame shows', async (context) => {
  const venue = await openVenue(context);
  const rig = await openRig(context);
  const plan = planOf([venue.url]);
  const recorder = rig.start({ staticPlan: plan });
  await until(async () => (await rig.records()).pulses.length === 1);
  await recorder.stop();
  const { pulses } = await rig.records();
  assert.equal(pulses[0]!.venueUs, pulses[0]!.wallUs + 5);

  const replay = rig.start({ staticPlan: { ...plan, venueTime: { mode: 'frames' } } });
  await venue.until(() => venue.subscriptions[1]?.length === 2);
  venue.connections[1]!.send(trade(1));
  await until(async () => (await rig.records()).pulses.at(-1)!.venueUs === 1_723_161_255_000_000);
  await replay.stop();
});
