import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { journalContract } from '../ports/journal.contract.ts';
import type { JournalReader } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { shipAll } from './shipped.test-fixture.ts';
import { openShippedReader } from './shipped-reader.ts';
import { openJournalWriter } from './writer.ts';

const world = createNodeWorld();

let count = 0;
for (const maxBytes of [500, 1 << 20]) {
  journalContract(`shipped objects of ${maxBytes} bytes`, (t) => {
    const root = mkdtempSync(path.join(tmpdir(), 'tidemark-shipped-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    const folder = path.join(root, 'journal');
    const store = path.join(root, 'store');
    return {
      openWriter: (segmentMaxBytes) =>
        openJournalWriter(world, {
          folder,
          writer: 'recorder',
          version: '0',
          ...(segmentMaxBytes === undefined ? {} : { segmentMaxBytes }),
          onFailure: (error) => assert.fail(error),
        }),
      openReader: async () => {
        const reader = await openShippedReader(world, {
          blobs: openFolderBlobs(store),
          writer: 'recorder',
          scratchFolder: path.join(root, `scratch-${++count}`),
          lookMs: 0,
        });
        // Each question is asked of all that is synced by then.
        const shipping: JournalReader = Object.create(reader);
        for (const name of ['start', 'syncedEnd', 'read', 'head'] as const) {
          shipping[name] = async (...asked: never[]) => {
            await shipAll(folder, openFolderBlobs(store), maxBytes);
            return (reader[name] as (...all: never[]) => never)(...asked);
          };
        }
        return shipping;
      },
      inTime: (promise) => promise,
    };
  });
}
