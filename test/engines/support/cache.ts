import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

/** Outside every work tree, so that clones share what was downloaded. */
export const cacheRoot = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tidemark-engines');

/**
 * The folder that `install` filled, now or in an earlier run with the same pins. It gets its name when it is whole; two
 * test files that need it at once wait for each other.
 */
export async function cached(
  name: string,
  pins: readonly string[],
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
    .update([process.platform, process.arch, ...pins].join('\n'))
    .digest('hex');
  const folder = join(cacheRoot, `${name}-${hash.slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheRoot, { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (existsSync(folder)) return folder;
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished);
    await install(unfinished);
    renameSync(unfinished, folder);
    return folder;
  } finally {
    unlock();
  }
}

/** A transaction held open: the kernel ends it with its process. */
async function lock(path: string): Promise<() => void> {
  for (;;) {
    const database = new DatabaseSync(path);
    try {
      database.exec('BEGIN EXCLUSIVE');
      return () => database.close();
    } catch (error) {
      database.close();
      if (!/locked/.test(String(error))) throw error;
      await sleep(200);
    }
  }
}
