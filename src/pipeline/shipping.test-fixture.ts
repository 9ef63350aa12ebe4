// A journal in a folder, and stores that can be made to fail.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import { TidemarkError } from '../domain/error.ts';
import { openJournalBytes } from '../journal/segment-pieces.ts';
import { openShippedJournal } from '../journal/shipped-journal.ts';
import { type JournalWriterOptions, openJournalWriter } from '../journal/writer.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { JournalWriter } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import type { Logger } from '../ports/log.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { Shipping } from './shipping.ts';

export const world = createNodeWorld();

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-shipping-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function scratchFolderOf(folder: string): string {
  const scratch = `${folder}-scratch`;
  world.files.makeFolder(scratch);
  return scratch;
}

export function openWriter(folder: string, more: Partial<JournalWriterOptions> = {}): Promise<JournalWriter> {
  return openJournalWriter(world, {
    folder,
    writer: 'recorder',
    version: '0',
    onFailure: (error) => {
      throw error;
    },
    ...more,
  });
}

export async function appendFrames(writer: JournalWriter, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    writer.append({
      kind: recordKinds.frame,
      session: 1,
      receivedAtUs: world.clock.wallUs(),
      monotonicUs: world.clock.monotonicUs(),
      payload: new TextEncoder().encode(text),
    });
    await writer.sync();
  }
}

export interface Noted {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

export function notingLog(): { readonly log: Logger; readonly noted: Noted[] } {
  const noted: Noted[] = [];
  const note = (level: string) => (fields: object, message: string) => void noted.push({ level, message, fields });
  return { noted, log: { debug() {}, info: note('info'), warn: note('warn'), error: note('error') } };
}

/** Refuses every write while `isDown`; after `loseAnswers` writes take effect and fail all the same. */
export class FlakyStore {
  isDown = false;
  loseAnswers = false;
  readonly blobs: BlobStore;

  constructor(folder: string) {
    const inner = openFolderBlobs(folder);
    const down = () => {
      if (this.isDown)
        throw new TidemarkError('blob-unwritable', { doing: 'write the blob', why: 'the store is down' });
    };
    this.blobs = {
      put: async (name, bytes) => {
        down();
        await inner.put(name, bytes);
        if (this.loseAnswers) throw new TidemarkError('blob-unwritable', { doing: 'write the blob', why: 'no answer' });
      },
      putFile: async (name, file) => {
        down();
        await inner.putFile(name, file);
      },
      replace: (name, bytes) => inner.replace(name, bytes),
      get: (name) => inner.get(name),
      stream: (name) => inner.stream(name),
      localPath: (name) => inner.localPath(name),
      list: (prefix) => {
        down();
        return inner.list(prefix);
      },
      remove: (name) => inner.remove(name),
      location: (name) => inner.location(name),
      close: () => inner.close(),
    };
  }
}

export async function openShipping(
  folder: string,
  blobs: BlobStore,
  options: { log: Logger; maxObjectBytes?: number; maxDelayMs?: number },
): Promise<Shipping> {
  return new Shipping({
    world,
    store: 'file:///store',
    closeStore: async () => {},
    journals: [
      {
        bytes: await openJournalBytes(world, { folder, writer: 'recorder' }),
        shipped: openShippedJournal(blobs, 'recorder'),
      },
    ],
    maxDelayMs: options.maxDelayMs ?? 0,
    maxObjectBytes: options.maxObjectBytes ?? 1 << 20,
    packPeriodMs: 100,
    scratchFolder: scratchFolderOf(folder),
    log: options.log,
  });
}
