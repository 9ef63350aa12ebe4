import type { JournalSegments, KeptSegment } from '../ports/shipping.ts';
import type { Files } from '../ports/world.ts';
import { openSegmentBytes } from './open-segment.ts';
import { compressedSegmentPath, listSegments, segmentPath } from './segment-name.ts';
import { readSegmentHead } from './segment-walk.ts';

export function openJournalSegments(
  files: Files,
  { writer, folder }: { writer: string; folder: string },
): JournalSegments {
  const pathsOf = (segment: number) => [segmentPath(folder, segment), compressedSegmentPath(folder, segment)];
  const createdAtUs = (segment: number): number => {
    const bytes = openSegmentBytes(files, folder, segment)!;
    try {
      return readSegmentHead(bytes, segmentPath(folder, segment)).head.createdAtUs;
    } finally {
      bytes.close();
    }
  };
  return {
    writer,
    closed: () => {
      const segments = listSegments(files, folder);
      return segments.slice(0, -1).map((segment, at): KeptSegment => {
        const sizes = pathsOf(segment).map((path) => (files.exists(path) ? files.size(path) : 0));
        return { segment, bytes: Math.max(...sizes), closedAtUs: createdAtUs(segments[at + 1]!) };
      });
    },
    remove: (segment) => {
      for (const path of pathsOf(segment)) files.remove(path);
      files.syncFolder(folder);
    },
  };
}
