import type { Files } from '../ports/world.ts';
import { openCompressed } from './compressed-segment.ts';
import type { SegmentBytes } from './segment-bytes.ts';
import { compressedSegmentPath, segmentPath } from './segment-name.ts';

/** Undefined while there is no such segment. */
export function openSegmentBytes(files: Files, folder: string, segment: number): SegmentBytes | undefined {
  const plain = segmentPath(folder, segment);
  const compressed = compressedSegmentPath(folder, segment);
  // Compressing replaces the one by the other; look twice so that neither moment is missed.
  for (let look = 0; look < 2; look += 1) {
    if (files.exists(plain)) {
      try {
        return openPlain(files, plain);
      } catch (cause) {
        if ((cause as { code?: string }).code !== 'ENOENT') throw cause;
      }
    }
    if (files.exists(compressed)) return openCompressed(files, compressed);
  }
  return undefined;
}

function openPlain(files: Files, path: string): SegmentBytes {
  const file = files.open(path, 'read');
  return {
    size: () => file.size(),
    readAt(into, offset) {
      let filled = 0;
      while (filled < into.length) {
        const count = file.readAt(into.subarray(filled), offset + filled);
        if (count === 0) break;
        filled += count;
      }
      return filled;
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
