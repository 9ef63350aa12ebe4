import assert from 'node:assert/strict';
import path from 'node:path';
import type { JournalUnderTest } from '../ports/journal.contract.ts';
import type { JournalReader } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { shipAll } from './shipped.test-fixture.ts';
import type { ShippedBlobs } from './shipped-object.ts';
import { openShippedReader } from './shipped-reader.ts';
import { openJournalWriter } from './writer.ts';

const world = createNodeWorld();

/** A journal written below `root` and read from where it is shipped to, in objects of so many bytes. */
export function shippedUnderTest(root: string, blobs: ShippedBlobs, maxBytes: number): JournalUnderTest {
  const folder = path.join(root, 'journal');
  let readers = 0;
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
      const scratchFolder = path.join(root, `scratch-${++readers}`);
      const reader = await openShippedReader(world, { blobs, writer: 'recorder', scratchFolder, lookMs: 0 });
      // Each question is asked of all that is synced by then.
      const shipping: JournalReader = Object.create(reader);
      for (const name of ['start', 'syncedEnd', 'read', 'head'] as const) {
        shipping[name] = async (...asked: never[]) => {
          await shipAll(folder, blobs, maxBytes);
          return (reader[name] as (...all: never[]) => never)(...asked);
        };
      }
      return shipping;
    },
    inTime: (promise) => promise,
  };
}
