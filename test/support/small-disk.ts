import { spawnSync } from 'node:child_process';

/** Runs a command on a file system of 4 MiB mounted at `folder` for it alone; not every system lets us have one. */
export function onSmallDisk(folder: string, command: readonly string[]) {
  const mount = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"';
  return spawnSync('unshare', ['-rm', 'sh', '-c', mount, folder, ...command], { encoding: 'utf8', timeout: 60_000 });
}
