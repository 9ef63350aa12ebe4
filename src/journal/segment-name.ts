import type { Files } from '../ports/world.ts';

const pattern = /^(\d{8,})\.journal(\.zst)?$/;

export function segmentPath(folder: string, segment: number): string {
  return `${folder}/${String(segment).padStart(8, '0')}.journal`;
}

export function compressedSegmentPath(folder: string, segment: number): string {
  return `${segmentPath(folder, segment)}.zst`;
}

/** Numbers of the segments in the folder, rising. */
export function listSegments(files: Files, folder: string): number[] {
  if (!files.exists(folder)) return [];
  const segments = new Set<number>();
  for (const name of files.list(folder)) {
    const match = pattern.exec(name);
    if (match !== null) segments.add(Number(match[1]));
  }
  return [...segments].sort((a, b) => a - b);
}
