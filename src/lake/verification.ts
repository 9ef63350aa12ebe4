import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { TidemarkError } from '../domain/error.ts';
import type { BlobEntry, BlobStore } from '../ports/blob-store.ts';
import type { Catalog, DataFile } from '../ports/catalog.ts';
import type { LakeProblem, LakeVerification, VerifyOptions } from '../ports/lake-upkeep.ts';
import { type GarbageRules, oldestKeptVersion } from './garbage.ts';
import { verifyIceberg } from './iceberg/verification.ts';
import { checkpointName, dataFileName } from './own-names.ts';

export interface VerificationOptions {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  readonly rules: GarbageRules;
  /** Iceberg metadata is published; what is left of an earlier time when it was is only noted. */
  readonly hasIceberg: boolean;
  /** Names in the store that are others' to judge: reports, shipped journals, the store's own mark. */
  readonly otherPrefixes: readonly string[];
}

/** Blobs that are read at once. */
const readsAtOnce = 4;
/** Files that cannot be read one after the other, at which the store is what fails. */
const unreadableMax = 8;
/** What was stored so lately may belong to a commit that is on its way. */
const youngUs = 60_000_000;

export async function verifyLake(options: VerificationOptions, asked: VerifyOptions = {}): Promise<LakeVerification> {
  return new Verification(options, asked).run();
}

interface Reading {
  readonly bytes: number;
  readonly sha256: string;
}

class Verification {
  readonly #catalog: Catalog;
  readonly #blobs: BlobStore;
  readonly #rules: GarbageRules;
  readonly #options: VerificationOptions;
  readonly #asked: VerifyOptions;
  readonly #problems: LakeProblem[] = [];
  readonly #notes: string[] = [];
  /** Named when it began, and not there when they were read: swept meanwhile, or a problem. */
  readonly #absent: string[] = [];
  /** One after the other. */
  #unreadable = 0;
  #files = 0;
  #bytes = 0;

  constructor(options: VerificationOptions, asked: VerifyOptions) {
    this.#catalog = options.catalog;
    this.#blobs = options.blobs;
    this.#rules = options.rules;
    this.#options = options;
    this.#asked = asked;
  }

  async run(): Promise<LakeVerification> {
    const state = await this.#catalog.state();
    const live = new Map(state.files.map((file) => [file.name, file]));
    const named = await this.#catalog.fileNames();
    const stored = new Map<string, BlobEntry>();
    for await (const entry of this.#blobs.list('')) stored.set(entry.name, entry);
    const bytes = named.reduce((sum, name) => sum + (live.get(name)?.bytes ?? stored.get(name)?.bytes ?? 0), 0);
    await this.#each(named, async (name) => {
      await this.#file(name, live.get(name));
      this.#asked.onProgress?.({ filesDone: this.#files, files: named.length, bytesDone: this.#bytes, bytes });
    });
    const files = this.#files;
    const bytesRead = this.#bytes;
    const checkpoints = await this.#checkpoints();
    const icebergTables = await verifyIceberg({
      catalog: this.#catalog,
      blobs: this.#blobs,
      hasIceberg: this.#options.hasIceberg,
      beforeUs: Date.now() * 1000 - this.#rules.graceUs,
      problems: this.#problems,
      notes: this.#notes,
    });
    await this.#strangers(stored);
    await this.#absentees();
    return {
      version: state.version,
      files,
      bytes: bytesRead,
      checkpoints,
      icebergTables,
      problems: this.#problems.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      notes: this.#notes,
    };
  }

  async #file(name: string, expected: DataFile | undefined): Promise<void> {
    let read: Reading | undefined;
    try {
      read = await this.#read(name);
      this.#unreadable = 0;
    } catch (error) {
      // A bad sector is one file; a store that gives nothing is no question of files.
      if (!(error instanceof TidemarkError) || ++this.#unreadable > unreadableMax) throw error;
      this.#problem('unreadable', name, error.why ?? error.message);
      return;
    }
    if (read === undefined) {
      this.#absent.push(name);
      return;
    }
    this.#files++;
    this.#bytes += read.bytes;
    // Of replaced files only the name is at hand: it begins with the hash.
    const inName = dataFileName.exec(name)?.[1];
    if (expected !== undefined && read.bytes !== expected.bytes) {
      this.#problem('wrong-size', name, `it has ${read.bytes} bytes, the catalog says ${expected.bytes}`);
    } else if (expected === undefined ? read.sha256.slice(0, 40) !== inName : read.sha256 !== expected.sha256) {
      const wanted = expected?.sha256.slice(0, 12) ?? inName?.slice(0, 12);
      this.#problem('damaged', name, `its bytes hash to ${read.sha256.slice(0, 12)}…, not to ${wanted}…`);
    }
  }

  /** Undefined: there is none. */
  async #read(name: string): Promise<Reading | undefined> {
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const part of this.#blobs.stream(name)) {
        this.#asked.signal?.throwIfAborted();
        hash.update(part);
        bytes += part.byteLength;
      }
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'blob-missing') return undefined;
      throw error;
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  async #checkpoints(): Promise<number> {
    const names = await this.#keptCheckpoints();
    let whole = 0;
    for (const name of names) {
      this.#asked.signal?.throwIfAborted();
      const parts: Uint8Array[] = [];
      try {
        for await (const part of this.#blobs.stream(name)) parts.push(new Uint8Array(part));
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== 'blob-missing') throw error;
        if ((await this.#keptCheckpoints()).includes(name)) {
          this.#problem('checkpoint-missing', name, 'a version that is kept goes on from it');
        }
        continue;
      }
      let found: string;
      try {
        found = createHash('sha256')
          .update(zstdDecompressSync(Buffer.concat(parts)))
          .digest('hex');
      } catch (cause) {
        this.#problem('checkpoint-damaged', name, cause instanceof Error ? cause.message : String(cause));
        continue;
      }
      if (found.slice(0, 40) === checkpointName.exec(name)?.[1]) whole++;
      else this.#problem('checkpoint-damaged', name, `its content hashes to ${found.slice(0, 12)}…`);
    }
    return whole;
  }

  async #keptCheckpoints(): Promise<readonly string[]> {
    return this.#catalog.checkpointsSince(await oldestKeptVersion(this.#catalog, this.#rules, Date.now() * 1000));
  }

  /** What lies in the store and is named by nobody: left by failed work, or foreign. */
  async #strangers(stored: ReadonlyMap<string, BlobEntry>): Promise<void> {
    const named = new Set([...(await this.#catalog.fileNames()), ...(await this.#catalog.checkpointsSince(0))]);
    const isYoung = ({ storedAtUs }: BlobEntry) => storedAtUs > Date.now() * 1000 - youngUs;
    let left = 0;
    let leftBytes = 0;
    for (const entry of stored.values()) {
      const { name } = entry;
      if (named.has(name) || name.startsWith('iceberg/')) continue;
      if (this.#options.otherPrefixes.some((prefix) => name.startsWith(prefix))) continue;
      if (!dataFileName.test(name) && !checkpointName.test(name)) {
        this.#problem('foreign', name, `${entry.bytes} bytes that are not the lake’s`);
        continue;
      }
      if (isYoung(entry)) continue;
      const read = await this.#read(name);
      if (read === undefined) continue;
      // A checkpoint's name is of its content, not of its bytes.
      const isOurs = checkpointName.test(name) || read.sha256.slice(0, 40) === dataFileName.exec(name)![1];
      if (isOurs) {
        left++;
        leftBytes += read.bytes;
      } else if (!(await this.#catalog.fileNames()).includes(name)) {
        this.#problem('foreign', name, 'it has the name of a lake file, and neither its content nor a version');
      }
    }
    if (left > 0) this.#notes.push(`${left} files (${leftBytes} bytes) are named by no version: gc removes them`);
  }

  /** A file that no kept version names any more was swept, which is as it should be. */
  async #absentees(): Promise<void> {
    if (this.#absent.length === 0) return;
    const oldest = await oldestKeptVersion(this.#catalog, this.#rules, Date.now() * 1000);
    const superseded = new Set(await this.#catalog.superseded(oldest));
    const named = new Set(await this.#catalog.fileNames());
    const current = new Set((await this.#catalog.state()).files.map(({ name }) => name));
    for (const name of this.#absent) {
      if (!named.has(name) || superseded.has(name)) continue;
      const whose = current.has(name) ? 'the newest version has it' : 'a version that is kept has it';
      this.#problem('missing', name, whose);
    }
  }

  #problem(kind: LakeProblem['kind'], name: string, detail: string): void {
    this.#problems.push({ kind, name, detail });
  }

  async #each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    let next = 0;
    await Promise.all(
      Array.from({ length: readsAtOnce }, async () => {
        while (next < items.length) {
          this.#asked.signal?.throwIfAborted();
          await work(items[next++]!);
        }
      }),
    );
  }
}
