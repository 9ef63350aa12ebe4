import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';
import type { World } from './world.ts';

/** What a promise is shown on: a world, an empty folder in it, and a way to let its time pass. */
export interface WorldUnderTest {
  readonly world: World;
  readonly folder: string;
  /** Lets time pass until the promise settles. */
  inTime<T>(promise: Promise<T>): Promise<T>;
  /** Takes the power away and gives it back. */
  powerCut?(): void;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const limits = { maxPayloadBytes: 1000, handshakeTimeoutMs: 1000 };

function waited({ world, inTime }: WorldUnderTest, delayMs: number): Promise<void> {
  return inTime(new Promise<void>((resolve) => void world.timers.after(delayMs, resolve)));
}

const promises: Promises<WorldUnderTest> = {
  'both clocks count whole µs, the wall clock since 1970, and monotonic time never steps back': async (under) => {
    const { clock } = under.world;
    let before = clock.monotonicUs();
    for (let look = 0; look < 20; look++) {
      if (look % 5 === 0) await waited(under, 0.3 * look);
      const now = clock.monotonicUs();
      assert.ok(now >= before);
      before = now;
      assert.ok(Number.isSafeInteger(now) && Number.isSafeInteger(clock.wallUs()));
    }
    const year = new Date(clock.wallUs() / 1000).getUTCFullYear();
    assert.ok(year > 2000 && year < 2200);
  },
  'a timer calls once, never before its delay has passed, never before the running code is done': async (under) => {
    const { clock, timers } = under.world;
    for (const delayMs of [0, 0.5, 1, 2, 3, 5, 8]) {
      const fromUs = clock.monotonicUs();
      let calls = 0;
      let passedUs = 0;
      const called = new Promise<void>((resolve) => {
        timers.after(delayMs, () => {
          calls++;
          passedUs = clock.monotonicUs() - fromUs;
          resolve();
        });
      });
      assert.equal(calls, 0);
      await under.inTime(called);
      assert.ok(passedUs >= delayMs * 1000, `${passedUs} µs of ${delayMs} ms`);
      await waited(under, 3);
      assert.equal(calls, 1);
    }
  },
  'the timer that is due first calls first': async (under) => {
    const calls: number[] = [];
    for (const delayMs of [30, 5, 15]) under.world.timers.after(delayMs, () => calls.push(delayMs));
    await waited(under, 40);
    assert.deepEqual(calls, [5, 15, 30]);
  },
  'a cancelled timer never calls, and cancelling late or twice is no error': async (under) => {
    const { timers } = under.world;
    let calls = 0;
    const cancels = [0, 1, 5].map((delayMs) => timers.after(delayMs, () => calls++));
    for (const cancel of cancels) cancel();
    for (const cancel of cancels) cancel();
    const done = timers.after(0, () => {});
    await waited(under, 10);
    done();
    assert.equal(calls, 0);
  },
  'a repeated timer calls again and again, until it is cancelled from outside or by itself': async (under) => {
    const { timers } = under.world;
    let calls = 0;
    const thrice = new Promise<void>((resolve) => {
      const cancel = timers.every(2, () => {
        calls++;
        if (calls < 3) return;
        cancel();
        resolve();
      });
    });
    await under.inTime(thrice);
    await waited(under, 10);
    assert.equal(calls, 3);
    const cancel = timers.every(1, () => calls++);
    cancel();
    await waited(under, 5);
    assert.equal(calls, 3);
  },
  'a delay of weeks is not taken for none': async (under) => {
    let isCalled = false;
    const cancel = under.world.timers.after(2 ** 31 + 1, () => {
      isCalled = true;
    });
    await waited(under, 20);
    cancel();
    assert.equal(isCalled, false);
  },
  'random fractions lie in [0, 1) and differ; random hex has two lower-case digits a byte': ({ world }) => {
    const fractions = Array.from({ length: 200 }, () => world.random.fraction());
    assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1));
    assert.ok(new Set(fractions).size > 190);
    const texts = Array.from({ length: 10 }, () => world.random.hex(16));
    assert.ok(texts.every((text) => /^[0-9a-f]{32}$/.test(text)));
    assert.equal(new Set(texts).size, 10);
  },
  'a URL that cannot be dialled ends as closed, later and once, whatever is asked of it': async ({ world, inTime }) => {
    for (const url of ['nonsense', 'ws://127.0.0.1:1/', 'http://127.0.0.1:1/']) {
      const ends: number[] = [];
      let connection: ReturnType<typeof world.network.webSocket> | undefined;
      const closed = new Promise<void>((resolve) => {
        connection = world.network.webSocket(
          url,
          { opened() {}, message() {}, ping() {}, closed: ({ code }) => resolve(void ends.push(code)) },
          limits,
        );
      });
      assert.deepEqual(ends, []);
      connection!.send('x');
      connection!.pause();
      connection!.resume();
      await inTime(closed);
      connection!.close(1000, '');
      connection!.terminate();
      await inTime(new Promise<void>((resolve) => void world.timers.after(5, resolve)));
      assert.deepEqual(ends, [1006], url);
    }
  },
  'a question that nobody answers is a network error that names its URL': async ({ world, inTime }) => {
    for (const url of ['no url', 'http://127.0.0.1:1/x']) {
      const asked = inTime(world.network.httpGet(url, { timeoutMs: 1000, maxBodyBytes: 100 }));
      await assert.rejects(asked, { code: 'network', what: url });
    }
  },
  'a folder is made with those above it, again without harm, and lists what is directly in it by name': (under) => {
    const { files } = under.world;
    const folder = `${under.folder}/a/b`;
    files.makeFolder(folder);
    files.makeFolder(folder);
    assert.deepEqual(files.list(folder), []);
    for (const name of ['2', '10', 'z']) files.writeAtomic(`${folder}/${name}`, bytesOf(name));
    files.makeFolder(`${folder}/inner`);
    files.writeAtomic(`${folder}/inner/deep`, bytesOf('deep'));
    assert.deepEqual(files.list(folder), ['10', '2', 'inner', 'z']);
    assert.ok(files.exists(folder) && files.exists(`${folder}/z`) && !files.exists(`${folder}/y`));
  },
  'an atomic write leaves the new content alone under the name, however often': ({ world: { files }, folder }) => {
    files.writeAtomic(`${folder}/a`, bytesOf('a longer one'));
    files.writeAtomic(`${folder}/a`, bytesOf('two'));
    assert.equal(textOf(files.read(`${folder}/a`)), 'two');
    assert.equal(files.size(`${folder}/a`), 3);
    assert.deepEqual(files.list(folder), ['a']);
  },
  'what is not there cannot be read, sized, listed or renamed, and says ENOENT': ({ world: { files }, folder }) => {
    const absent = `${folder}/absent`;
    const code = { code: 'ENOENT' };
    assert.throws(() => files.read(absent), code);
    assert.throws(() => files.size(absent), code);
    assert.throws(() => files.list(absent), code);
    assert.throws(() => files.rename(absent, `${folder}/x`), code);
    assert.throws(() => files.open(absent, 'read'), code);
    assert.throws(() => files.open(`${absent}/file`, 'append'), code);
    assert.throws(() => files.writeAtomic(`${absent}/file`, bytesOf('x')), code);
    assert.deepEqual(files.list(folder), []);
  },
  'a file that must be new is refused where one stands, and the one that stands stays': ({
    world: { files },
    folder,
  }) => {
    files.writeAtomic(`${folder}/a`, bytesOf('one'));
    assert.throws(() => files.open(`${folder}/a`, 'create'), { code: 'EEXIST' });
    assert.equal(textOf(files.read(`${folder}/a`)), 'one');
  },
  'bytes are appended after what stands there, in their order, every one': async ({
    world: { files },
    folder,
    inTime,
  }) => {
    files.writeAtomic(`${folder}/a`, bytesOf('before '));
    const file = files.open(`${folder}/a`, 'append');
    file.append([bytesOf('one '), new Uint8Array(), bytesOf('two ')]);
    const parts = Array.from({ length: 1500 }, (_, index) => new Uint8Array(300).fill(index));
    await inTime(file.appendLater(parts));
    file.append([bytesOf('last')]);
    await inTime(file.sync());
    file.syncNow();
    const head = bytesOf('before one two ');
    const whole = files.read(`${folder}/a`);
    assert.equal(file.size(), head.length + 450_000 + 4);
    assert.equal(whole.length, file.size());
    assert.equal(textOf(whole.subarray(0, head.length)), 'before one two ');
    for (const [index, part] of parts.entries()) assert.equal(whole[head.length + index * 300 + 299], part[0]);
    assert.equal(textOf(whole.subarray(-4)), 'last');
    file.close();
  },
  'reading gives the bytes from an offset on, fewer before the end, none at it': ({ world: { files }, folder }) => {
    files.writeAtomic(`${folder}/a`, bytesOf('0123456789'));
    const file = files.open(`${folder}/a`, 'read');
    const into = new Uint8Array(4);
    assert.equal(file.readAt(into, 3), 4);
    assert.equal(textOf(into), '3456');
    assert.equal(file.readAt(into, 8), 2);
    assert.equal(textOf(into), '8956');
    assert.equal(file.readAt(into, 10), 0);
    assert.equal(file.readAt(into, 99), 0);
    file.close();
  },
  'a cut file ends there, and what is appended stands behind the cut': ({ world: { files }, folder }) => {
    const file = files.open(`${folder}/a`, 'create');
    file.append([bytesOf('0123456789')]);
    file.truncate(4);
    file.append([bytesOf('x')]);
    file.close();
    assert.equal(textOf(files.read(`${folder}/a`)), '0123x');
  },
  'a renamed file takes the place of another; removing what is gone is no error': ({ world: { files }, folder }) => {
    files.writeAtomic(`${folder}/a`, bytesOf('a'));
    files.writeAtomic(`${folder}/b`, bytesOf('b'));
    files.rename(`${folder}/a`, `${folder}/b`);
    files.syncFolder(folder);
    assert.deepEqual(files.list(folder), ['b']);
    assert.equal(textOf(files.read(`${folder}/b`)), 'a');
    files.remove(`${folder}/b`);
    files.remove(`${folder}/b`);
    assert.deepEqual(files.list(folder), []);
    assert.ok(files.freeBytes(folder) > 0);
  },
  'an open file is read to its end although its name is gone': ({ world: { files }, folder }) => {
    files.writeAtomic(`${folder}/a`, bytesOf('held'));
    const file = files.open(`${folder}/a`, 'read');
    files.remove(`${folder}/a`);
    const into = new Uint8Array(10);
    assert.equal(file.readAt(into, 0), 4);
    file.close();
  },
  'what was synced is there after a power cut': async ({ world: { files }, folder, inTime, powerCut }) => {
    assert.ok(powerCut !== undefined);
    files.writeAtomic(`${folder}/whole`, bytesOf('whole'));
    const file = files.open(`${folder}/appended`, 'create');
    file.append([bytesOf('synced')]);
    await inTime(file.sync());
    files.syncFolder(folder);
    file.append([bytesOf(' not synced')]);
    powerCut();
    assert.equal(textOf(files.read(`${folder}/whole`)), 'whole');
    assert.match(textOf(files.read(`${folder}/appended`)), /^synced/);
  },
};

/** Runs every promise in a fresh folder of the world. */
export function worldContract(
  name: string,
  open: (t: TestContext) => Promise<WorldUnderTest> | WorldUnderTest,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
