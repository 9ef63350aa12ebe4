import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { TidemarkError } from '../domain/error.ts';
import type { BlobEntry } from '../ports/blob-store.ts';
import { checkBlobName, isBlobName } from './blob-name.ts';
import type { Download, RemoteBlobs } from './cached.ts';
import { failureOf, S3Failure, storeError } from './s3-failure.ts';
import { type S3Options, S3Requests } from './s3-requests.ts';
import { abortAbandoned, uploadInParts } from './s3-upload.ts';
import { sha256, sha256OfFile } from './sha256.ts';
import { signedWith } from './signed-with.ts';

/** Says whose the files below the prefix are. */
const markerName = 'tidemark-store.json';

/** Who wants to write to a place. */
export interface Claim {
  /** Of the data folder. */
  readonly storeId: string;
  /** Blobs that its catalog knows; none when it is new. */
  known(): Promise<readonly string[]>;
}

export interface S3Blobs extends RemoteBlobs {
  /** Requests sent so far. */
  readonly requests: number;
  /**
   * Takes the place below the prefix before anything is written there; the id by which it is known from then on. A place
   * with files is taken when they are those that the catalog knows, so that a lake can move. Otherwise it refuses files of
   * others (`store-foreign`) and the lake of another data folder (`store-taken`), and always a store whose conditional writes
   * are none (`store-unable`). Ends uploads that were left unfinished long ago.
   */
  claim(claim: Claim): Promise<string>;
  /** Whose the place is; undefined when nobody claimed it. */
  owner(): Promise<string | undefined>;
  /** Whether the bucket keeps what was removed as old versions; undefined when it does not say. */
  keepsOldVersions(): Promise<boolean | undefined>;
}

/** Blobs as objects `prefix/name` of an S3 bucket. Each is written at most once, whoever else writes; with its SHA-256 beside it. */
export function openS3Blobs(options: S3Options): S3Blobs {
  return new S3Store(options);
}

interface Held {
  readonly bytes: number;
  readonly sha256: string | undefined;
}

const usualPartBytes = 16 * 1024 * 1024;

/** How often a write begins again after the store said that another one was in its way. */
const restartsMax = 5;

class S3Store implements S3Blobs {
  readonly #requests: S3Requests;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #partBytes: number;

  constructor(options: S3Options) {
    this.#requests = new S3Requests(options);
    this.#bucket = options.bucket;
    this.#partBytes = options.partBytes ?? usualPartBytes;
    this.#prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix}/`;
  }

  get requests(): number {
    return this.#requests.sent;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const key = this.#key(name);
    const hash = sha256(bytes);
    await this.#putOnce(name, { bytes: bytes.byteLength, sha256: hash }, () => this.#putBytes(name, key, bytes, hash));
  }

  async putFile(name: string, localPath: string): Promise<void> {
    const key = this.#key(name);
    const { size } = await stat(localPath);
    if (size <= 2 * this.#partBytes)
      return this.#requests.holding(async () => this.put(name, await readFile(localPath)));
    const given = { bytes: size, sha256: await sha256OfFile(localPath) };
    // An upload in parts learns only at its end that the name is taken.
    const held = await this.#describe(name);
    if (held !== undefined) return this.#expectSame(name, held, given);
    await this.#putOnce(name, given, () =>
      uploadInParts(this.#requests, {
        ...given,
        bucket: this.#bucket,
        key,
        name,
        path: localPath,
        partBytes: this.#partBytes,
      }),
    );
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const key = this.#key(name);
    const hash = sha256(bytes);
    const object = { Bucket: this.#bucket, Key: key, Body: bytes, Metadata: { sha256: hash } };
    await this.#requests.ask({ doing: 'replace the blob', what: name, isWrite: true }, (client) =>
      client.send(signedWith(hash, new PutObjectCommand(object))),
    );
  }

  async get(name: string): Promise<Uint8Array> {
    return this.#verified(name, async () => {
      const chunks: Uint8Array[] = [];
      const hash = createHash('sha256');
      const held = await this.#read(name, (chunk) => {
        chunks.push(chunk);
        hash.update(chunk);
      });
      return { held, sha256: hash.digest('hex'), result: Buffer.concat(chunks) };
    });
  }

  async *stream(name: string): AsyncIterable<Uint8Array> {
    yield* this.#chunks(name, () => {});
  }

  async download(name: string, into: Download): Promise<void> {
    await this.#verified(name, async () => {
      await into.begin();
      const hash = createHash('sha256');
      const held = await this.#read(name, (chunk) => {
        hash.update(chunk);
        return into.write(chunk);
      });
      return { held, sha256: hash.digest('hex'), result: undefined };
    });
  }

  async *list(prefix: string): AsyncIterable<BlobEntry> {
    if (prefix.includes('/') && prefix !== '/') checkBlobName(prefix.slice(0, prefix.lastIndexOf('/')));
    for await (const entry of this.#keys(this.#prefix + prefix)) {
      const name = entry.name.slice(this.#prefix.length);
      // What others put there is nobody's to touch.
      if (isBlobName(name) && name !== markerName) yield { ...entry, name };
    }
  }

  async remove(name: string): Promise<void> {
    const key = this.#key(name);
    await this.#requests
      .ask({ doing: 'remove the blob', what: name, isWrite: true, expects: ['missing'] }, (client) =>
        client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key })),
      )
      .catch((error) => {
        if (!(error instanceof S3Failure)) throw error;
      });
  }

  location(name: string): string {
    return `s3://${this.#bucket}/${this.#key(name)}`;
  }

  async close(): Promise<void> {
    this.#requests.close();
  }

  async claim({ storeId, known }: Claim): Promise<string> {
    const what = `s3://${this.#bucket}/${this.#prefix}`;
    let owner = await this.owner();
    if (owner !== storeId && !(await this.#holdsAll(await known(), what, owner))) {
      throw new TidemarkError('store-taken', {
        doing: 'keep the lake in',
        what,
        why: 'the lake of another data folder lies there, or this one lost its disk',
        now: 'bring catalog and journal back with tidemark restore, or set lake.s3.prefix to another place',
      });
    }
    if (owner === undefined) {
      // Of two that claim at once one is refused here.
      await this.put(markerName, markerOf(storeId));
      owner = storeId;
    }
    await this.#checkConditions(what, markerOf(owner));
    await abortAbandoned(this.#requests, this.#bucket, this.#prefix);
    return owner;
  }

  async owner(): Promise<string | undefined> {
    try {
      return ownerIn(await this.get(markerName));
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'blob-missing') return undefined;
      throw error;
    }
  }

  async keepsOldVersions(): Promise<boolean | undefined> {
    const asked = { doing: 'look at the bucket', what: this.#bucket };
    return this.#requests
      .ask(asked, (client) => client.send(new GetBucketVersioningCommand({ Bucket: this.#bucket })))
      .then(
        ({ Status }) => Status === 'Enabled',
        () => undefined,
      );
  }

  /** Whether the place is that of a catalog that knows these blobs; a place without an owner may be empty for a new one. */
  async #holdsAll(known: readonly string[], what: string, owner: string | undefined): Promise<boolean> {
    if (owner !== undefined && known.length === 0) return false;
    const missing = new Set(known);
    for await (const { name } of this.#keys(this.#prefix)) {
      if (known.length === 0) {
        throw new TidemarkError('store-foreign', {
          doing: 'keep the lake in',
          what,
          why: `other files lie there (${JSON.stringify(name.slice(0, 100))})`,
          now: 'set lake.s3.prefix to a place with nothing in it',
        });
      }
      missing.delete(name.slice(this.#prefix.length));
    }
    if (missing.size === 0) return true;
    if (owner !== undefined) return false;
    throw new TidemarkError('store-incomplete', {
      doing: 'keep the lake in',
      what,
      why: `the catalog names ${missing.size} files that are not there, such as ${[...missing][0]}`,
      now: 'copy the folder lake of the data folder there first, or set the lake back to where it was',
    });
  }

  /** Writing what is there already must be refused; a store that takes it would let one writer overwrite another's file. */
  async #checkConditions(what: string, marker: Uint8Array): Promise<void> {
    const isRefused = await this.#putBytes(markerName, this.#key(markerName), marker).then(
      () => false,
      (error: unknown) => {
        if (error instanceof S3Failure && error.kind === 'exists') return true;
        throw error;
      },
    );
    if (isRefused) return;
    throw new TidemarkError('store-unable', {
      doing: 'keep the lake in',
      what,
      why: 'the store does not honour If-None-Match: two writers could overwrite each other',
      now: 'use a store with conditional writes; docs/object-store.md names some',
    });
  }

  /** Rejects with an `S3Failure` where the name is or may be taken. */
  async #putBytes(name: string, key: string, bytes: Uint8Array, hash = sha256(bytes)): Promise<void> {
    const object = { Bucket: this.#bucket, Key: key, Body: bytes, IfNoneMatch: '*', Metadata: { sha256: hash } };
    await this.#requests.ask({ doing: 'write the blob', what: name, isWrite: true, expects: ['exists'] }, (client) =>
      client.send(signedWith(hash, new PutObjectCommand(object))),
    );
  }

  /**
   * Writes until the name holds the bytes given or is known to hold others. That it is taken may be our own doing: the
   * answer to the try before was lost after the write took effect.
   */
  async #putOnce(name: string, given: Held, write: () => Promise<void>): Promise<void> {
    const retry = this.#requests.newRetry();
    for (let restarts = 0; ; restarts++) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof S3Failure)) throw error;
        const held = await this.#describe(name);
        if (held !== undefined) return this.#expectSame(name, held, given);
        if (restarts === restartsMax || !(await retry.pause(error))) {
          if (error.kind === 'exists') throw refusesAbsent(name);
          throw storeError('write the blob', name, new S3Failure('conflict', error.message), true);
        }
      }
    }
  }

  async #expectSame(name: string, held: Held, given: Held): Promise<void> {
    if (held.bytes === given.bytes && (held.sha256 ?? (await this.#hashOf(name))) === given.sha256) return;
    throw new TidemarkError('blob-conflict', {
      doing: 'write the blob',
      what: name,
      why: 'it exists with other bytes',
    });
  }

  async #describe(name: string): Promise<Held | undefined> {
    const Key = this.#key(name);
    try {
      const { ContentLength, Metadata } = await this.#requests.ask(
        { doing: 'look at the blob', what: name, isHead: true, expects: ['missing'] },
        (client) => client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key })),
      );
      return { bytes: ContentLength ?? 0, sha256: Metadata?.['sha256'] };
    } catch (error) {
      if (error instanceof S3Failure) return undefined;
      throw error;
    }
  }

  /** For an object that somebody put there without our metadata. */
  async #hashOf(name: string): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of this.stream(name)) hash.update(chunk);
    return hash.digest('hex');
  }

  /** Reads twice at most: what is wrong again was not changed on its way. */
  async #verified<T>(name: string, read: () => Promise<{ held: Held; sha256: string; result: T }>): Promise<T> {
    for (let tries = 0; tries < 2; tries++) {
      const { held, sha256, result } = await read();
      if (held.sha256 === undefined || held.sha256 === sha256) return result;
    }
    throw new TidemarkError('blob-damaged', {
      doing: 'read the blob',
      what: name,
      why: 'its bytes are not those that were written',
      now: 'restore the object from a copy; tidemark lake verify lists every damaged file',
    });
  }

  async #read(name: string, take: (chunk: Uint8Array) => void | Promise<void>): Promise<Held> {
    let held: Held | undefined;
    const chunks = this.#chunks(name, (described) => {
      held = described;
    });
    for await (const chunk of chunks) await take(chunk);
    return held!;
  }

  /** The bytes in order; after a cut it goes on where it was, as long as the object is still the same. */
  async *#chunks(name: string, describe: (held: Held) => void): AsyncGenerator<Uint8Array> {
    const key = this.#key(name);
    let retry = this.#requests.newRetry();
    let held: (Held & { readonly etag: string | undefined }) | undefined;
    let received = 0;
    for (;;) {
      const answer = await this.#open(name, key, received, held?.etag);
      if (held === undefined) {
        held = { bytes: answer.ContentLength ?? 0, sha256: answer.Metadata?.['sha256'], etag: answer.ETag };
        describe(held);
      }
      const before = received;
      let failure = new S3Failure('unreachable', 'the answer was cut off');
      const body = answer.Body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
      let isConsumed = false;
      try {
        if (body !== undefined) {
          const chunks = body[Symbol.asyncIterator]();
          for (;;) {
            const next = await chunks.next().catch((error: unknown) => {
              failure = failureOf(error);
              return undefined;
            });
            if (next === undefined || next.done === true) break;
            received += next.value.byteLength;
            yield next.value;
          }
        }
        isConsumed = true;
      } finally {
        if (!isConsumed || received < held.bytes) body?.destroy();
      }
      if (received >= held.bytes) return;
      // Some bytes more are progress: patience begins anew.
      if (received > before) retry = this.#requests.newRetry();
      if (!(await retry.pause(failure))) throw storeError('read the blob', name, failure);
    }
  }

  async #open(name: string, Key: string, from: number, etag: string | undefined) {
    const range = from === 0 ? {} : { Range: `bytes=${from}-`, ...(etag === undefined ? {} : { IfMatch: etag }) };
    const asked = { doing: 'read the blob', what: name, expects: ['exists'] } as const;
    try {
      return await this.#requests.ask(asked, (client) =>
        client.send(new GetObjectCommand({ Bucket: this.#bucket, Key, ...range })),
      );
    } catch (error) {
      if (!(error instanceof S3Failure)) throw error;
      throw new TidemarkError('blob-unreadable', {
        doing: 'read the blob',
        what: name,
        why: 'it was replaced meanwhile',
        retry: 'now',
      });
    }
  }

  async *#keys(Prefix: string): AsyncIterable<BlobEntry> {
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#requests.ask({ doing: 'list', what: `s3://${this.#bucket}/${Prefix}` }, (client) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix,
            EncodingType: 'url',
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        ),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        yield { name: decoded(Key), bytes: Size ?? 0, storedAtUs: (LastModified?.getTime() ?? 0) * 1000 };
      }
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  #key(name: string): string {
    checkBlobName(name);
    return this.#prefix + name;
  }
}

/** Some stores take the mark that a removed object leaves in a bucket with versions for an object. */
function refusesAbsent(name: string): TidemarkError {
  return new TidemarkError('store-unable', {
    doing: 'write the blob',
    what: name,
    why: 'the store says that the name is taken, and has nothing under it',
    now: 'this store can not be used with versions of objects: use a bucket without',
  });
}

/** Keys of others may hold anything; ours need no escaping and are the same either way. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function markerOf(storeId: string): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ storeId })}\n`);
}

function ownerIn(marker: Uint8Array): string | undefined {
  try {
    const { storeId } = JSON.parse(new TextDecoder().decode(marker)) as { storeId?: unknown };
    return typeof storeId === 'string' ? storeId : undefined;
  } catch {
    return undefined;
  }
}
