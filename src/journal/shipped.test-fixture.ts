// Ships all that a folder has, without batching, retries and patience.
import { createNodeWorld } from '../world/node/index.ts';
import { openJournalBytes } from './segment-pieces.ts';
import { openShippedJournal } from './shipped-journal.ts';
import type { ShippedBlobs } from './shipped-object.ts';

const world = createNodeWorld();

/** In objects of so many bytes, from where the store ends. */
export async function shipAll(folder: string, blobs: ShippedBlobs, maxBytes: number): Promise<void> {
  const bytes = await openJournalBytes(world, { folder, writer: 'recorder' });
  const shipped = openShippedJournal(blobs, 'recorder');
  try {
    const end = await shipped.end();
    const isRestored = (segment: number) => bytes.sealOf(segment) === end?.seal;
    let segment = end?.seal === undefined ? (end?.segment ?? bytes.segments()[0]) : bytes.segments().find(isRestored);
    let offset = end?.seal === undefined ? (end?.offset ?? 0) : 0;
    // Without its segment it is the journal of a machine that was given up, which tries to go on all the same.
    if (segment === undefined && end?.seal !== undefined) [segment, offset] = [end.segment, end.offset];
    while (segment !== undefined && bytes.segments().includes(segment)) {
      const piece = await bytes.piece(segment, offset, maxBytes);
      if (piece === undefined) break;
      await shipped.append(piece);
      const current: number = segment;
      segment = piece.isLast ? bytes.segments().find((other) => other > current) : current;
      offset = piece.isLast ? 0 : piece.offset + piece.bytes.length;
    }
  } finally {
    await bytes.close();
  }
}
