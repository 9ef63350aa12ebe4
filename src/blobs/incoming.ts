import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { incomingFolder } from './blob-name.ts';

/** What a killed process left half written goes when it is old enough to be nobody's. */
const abandonedMs = 3_600_000;

/** Where the blobs of a folder are while they are written: never listed, renamed when they are whole. */
export class Incoming {
  readonly #folder: string;
  #isTidied = false;

  constructor(root: string) {
    this.#folder = join(root, incomingFolder);
  }

  /** A path that nobody else has. */
  async path(): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    if (!this.#isTidied) {
      this.#isTidied = true;
      for (const left of await readdir(this.#folder)) {
        const found = await stat(join(this.#folder, left)).catch(() => undefined);
        if (found !== undefined && found.mtimeMs < Date.now() - abandonedMs)
          await rm(join(this.#folder, left), { force: true });
      }
    }
    return join(this.#folder, randomUUID());
  }
}
