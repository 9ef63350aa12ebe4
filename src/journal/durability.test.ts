import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TidemarkError } from '../domain/error.ts';
import { type JournalWriter, recordKinds } from '../ports/journal.ts';
import type { Files, World } from '../ports/world.ts';
import { createSimulatedWorld, type SimulatedWorld } from '../world/simulated/index.ts';
import type { JournalHost } from './host.ts';
import { openJournalReader } from './reader.ts';
import { openJournalWriter } from './writer.ts';

const folder = '/data/journal';
/** One machine, one writer at a time: nothing to lock, nobody to tell. */
const quietHost: JournalHost = {
  lock: () => ({ isHeld: () => true, release() {} }),
  announce: () => ({ announce() {}, close() {} }),
  listen: () => ({ isConnected: false, close() {} }),
};

async function inTime<T>(world: SimulatedWorld, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  promise.then(done, done);
  await world.agenda.runUntil(() => isDone);
  return promise;
}

const openWriter = (world: World, simulated: SimulatedWorld): Promise<JournalWriter> =>
  inTime(
    simulated,
    openJournalWriter(world, {
      folder,
      writer: 'recorder',
      version: '0',
      segmentMaxBytes: 4000,
      onFailure() {},
      host: quietHost,
    }),
  );

/** Damage is stepped over: here the question is what is left. */
async function readAll(world: SimulatedWorld): Promise<Map<number, string>> {
  const seen = new Map<number, string>();
  const reader = await openJournalReader(world, { folder, host: quietHost });
  for (let from = await reader.start(); ; ) {
    const asked = from;
    const block = await inTime(world, reader.read(from, 1 << 20)).catch(async (error: TidemarkError) => {
      assert.equal(error.code, 'journal-damaged');
      const after = await reader.afterDamage({ ...asked, segment: asked.segment + 1, offset: 0 });
      return after?.position;
    });
    if (block !== undefined && 'segment' in block) {
      from = block;
      continue;
    }
    if (block === undefined) break;
    block.forEach((record) => {
      if (record.kind !== recordKinds.frame) return;
      seen.set(record.sequence, Buffer.from(record.bytes.subarray(record.start, record.end)).toString());
    });
    from = block.to;
  }
  await reader.close();
  return seen;
}

/** Appends through several power cuts at random instants; what was acknowledged and is not there afterwards. */
async function lostAcknowledged(
  seed: number,
  changeFiles: (files: Files) => Files,
): Promise<{ lost: number; acknowledged: number }> {
  const simulated = createSimulatedWorld(seed);
  const world: World = { ...simulated, files: changeFiles(simulated.files) };
  const acknowledged = new Map<number, string>();
  for (let life = 0; life < 4; life += 1) {
    const writer = await openWriter(world, simulated);
    const unacknowledged = new Map<number, string>();
    let count = 0;
    const note = (): void => {
      for (const [sequence, text] of unacknowledged) {
        if (sequence >= writer.syncedSequence) break;
        acknowledged.set(sequence, text);
        unacknowledged.delete(sequence);
      }
    };
    const appendSome = (): void => {
      note();
      for (let more = 1 + Math.floor(simulated.random.fraction() * 5); more > 0; more -= 1) {
        const text = `life ${life} frame ${count} ${'x'.repeat(Math.floor(simulated.random.fraction() * 200))}`;
        const sequence = writer.append({
          kind: recordKinds.frame,
          session: 1,
          receivedAtUs: simulated.clock.wallUs(),
          monotonicUs: simulated.clock.monotonicUs(),
          payload: Buffer.from(text),
        });
        unacknowledged.set(sequence, text);
        count += 1;
      }
      simulated.agenda.at(simulated.random.fraction() * 4000, appendSome);
    };
    appendSome();
    const crashAtUs = simulated.agenda.nowUs + 20_000 + simulated.random.fraction() * 200_000;
    await simulated.agenda.runUntil(() => simulated.agenda.nowUs >= crashAtUs);
    note();
    simulated.disk.crash();
    simulated.agenda.clear();
  }
  await openWriter(simulated, simulated);
  const kept = await readAll(simulated);
  const lost = [...acknowledged].filter(([sequence, text]) => kept.get(sequence) !== text).length;
  return { lost, acknowledged: acknowledged.size };
}

test('a power cut at any instant loses nothing that was acknowledged', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { lost, acknowledged } = await lostAcknowledged(seed, (files) => files);
    assert.ok(acknowledged > 50, `seed ${seed} acknowledged ${acknowledged}`);
    assert.equal(lost, 0, `seed ${seed} lost ${lost} of ${acknowledged}`);
  }
});

for (const [name, sync] of [
  ['is removed', async () => {}],
  ['is acknowledged before it is done', undefined],
] as const) {
  test(`the same check finds records lost when the sync ${name}`, async () => {
    let lost = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      const broken = (files: Files): Files => {
        const open = files.open.bind(files);
        const changed = Object.create(files) as Files;
        changed.open = (path, mode) => {
          const file = open(path, mode);
          const early = async (): Promise<void> => {
            file.sync().catch(() => {});
          };
          return { ...file, sync: sync ?? early };
        };
        return changed;
      };
      lost += (await lostAcknowledged(seed, broken)).lost;
    }
    assert.ok(lost > 0);
  });
}

for (const fault of ['a full disk', 'a failed sync'] as const) {
  test(`${fault} ends the journal: nothing is acknowledged after it, what was acknowledged stays`, async () => {
    const world = createSimulatedWorld(7);
    const failures: string[] = [];
    const writer = await inTime(
      world,
      openJournalWriter(world, {
        folder,
        writer: 'recorder',
        version: '0',
        onFailure: (error) => failures.push(error.code),
        host: quietHost,
      }),
    );
    const append = (text: string): number =>
      writer.append({
        kind: recordKinds.frame,
        session: 1,
        receivedAtUs: 1,
        monotonicUs: 1,
        payload: Buffer.from(text),
      });
    append('kept');
    await inTime(world, writer.sync());
    const { syncedSequence } = writer;
    world.disk.faults =
      fault === 'a full disk'
        ? { onWrite: () => ({ written: 11, error: Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }) }) }
        : { onSync: () => Object.assign(new Error('EIO'), { code: 'EIO' }) };
    append('refused');
    await assert.rejects(inTime(world, writer.sync()));
    world.disk.faults = {};
    assert.deepEqual(failures, [fault === 'a full disk' ? 'disk-full' : 'journal-failed']);
    assert.throws(() => append('after'));
    await assert.rejects(writer.sync());
    assert.equal(writer.syncedSequence, syncedSequence);
    world.disk.crash();
    world.agenda.clear();
    await openWriter(world, world);
    assert.ok([...(await readAll(world)).values()].includes('kept'));
  });
}
