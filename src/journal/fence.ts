import { TidemarkError } from '../domain/error.ts';
import type { Files } from '../ports/world.ts';

function fencePath(folder: string): string {
  return `${folder}/fence.json`;
}

export function readFence(files: Files, folder: string): number {
  const path = fencePath(folder);
  if (!files.exists(path)) return 0;
  try {
    const fence = (JSON.parse(Buffer.from(files.read(path)).toString()) as { fence: unknown }).fence;
    if (typeof fence !== 'number' || !Number.isSafeInteger(fence)) throw new Error('no whole number stands in it');
    return fence;
  } catch (cause) {
    throw new TidemarkError('journal-damaged', { doing: 'read the fence', what: path, cause });
  }
}

/** Takes the next turn, durable when it returns. */
export function takeFence(files: Files, folder: string): number {
  const fence = readFence(files, folder) + 1;
  writeFence(files, folder, fence);
  return fence;
}

/** For a journal that is brought back: the next turn is larger than this. */
export function writeFence(files: Files, folder: string, fence: number): void {
  files.writeAtomic(fencePath(folder), Buffer.from(`${JSON.stringify({ fence })}\n`));
}
