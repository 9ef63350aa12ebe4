import { compressSegment } from '../journal/compressed-segment.ts';
import { listSegments, segmentPath } from '../journal/segment-name.ts';
import type { World } from '../ports/world.ts';
import type { Layout } from './layout.ts';

/** Compresses the closed segments of a journal that lie wholly before one; how many. */
export function compressorOf(layout: Layout, world: World): (writer: string, segment: number) => Promise<number> {
  return async (writer, segment) => {
    const folder = writer === 'recorder' ? layout.recorderJournal : layout.engineJournal;
    let compressed = 0;
    for (const closed of listSegments(world.files, folder)) {
      if (closed < segment && world.files.exists(segmentPath(folder, closed))) {
        await compressSegment(world, folder, closed);
        compressed += 1;
      }
    }
    return compressed;
  };
}
