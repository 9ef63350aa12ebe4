import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { journalContract } from '../ports/journal.contract.ts';
import type { World } from '../ports/world.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { createSimulatedWorld } from '../world/simulated/index.ts';
import type { JournalHost } from './host.ts';
import { openJournalReader } from './reader.ts';
import { openJournalWriter } from './writer.ts';

const optionsOf = (folder: string, segmentMaxBytes: number | undefined, host?: JournalHost) => ({
  folder,
  writer: 'recorder',
  version: '0',
  ...(segmentMaxBytes === undefined ? {} : { segmentMaxBytes }),
  ...(host === undefined ? {} : { host }),
  onFailure: (error: Error) => assert.fail(error),
});

/** A machine where nobody tells a reader of new length. */
const quietHost: JournalHost = {
  lock: () => ({ isHeld: () => true, release() {} }),
  announce: () => ({ announce() {}, close() {} }),
  listen: () => ({ isConnected: false, close() {} }),
};

function onNode(world: World, t: { after(done: () => void): void }, host?: JournalHost) {
  const folder = mkdtempSync(`${tmpdir()}/journal-`);
  t.after(() => rmSync(folder, { recursive: true }));
  return {
    openWriter: (segmentMaxBytes?: number) => openJournalWriter(world, optionsOf(folder, segmentMaxBytes, host)),
    openReader: () => openJournalReader(world, { folder, ...(host === undefined ? {} : { host }) }),
    inTime: <T>(promise: Promise<T>) => promise,
  };
}

journalContract('segment files', (t) => onNode(createNodeWorld(), t));

journalContract('segment files, polled', (t) => onNode(createNodeWorld(), t, quietHost), {
  'a second writer is refused while the first one lives, and let in afterwards': 'this host has no lock',
});

let seed = 0;
journalContract(
  'segment files on the simulated disk',
  () => {
    const world = createSimulatedWorld(++seed);
    const folder = '/data/journal';
    const inTime = <T>(promise: Promise<T>) => world.agenda.settle(promise);
    return {
      openWriter: (segmentMaxBytes) => inTime(openJournalWriter(world, optionsOf(folder, segmentMaxBytes, quietHost))),
      openReader: () => openJournalReader(world, { folder, host: quietHost }),
      inTime,
    };
  },
  { 'a second writer is refused while the first one lives, and let in afterwards': 'the simulated host has no lock' },
);
