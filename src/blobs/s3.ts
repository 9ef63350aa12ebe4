import { readFile, stat } from 'node:fs/promises';
import { DeleteObjectCommand, GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import type { BlobEntry } from '../ports/blob-store.ts';
import { checkBlobName, isBlobName } from './blob-name.ts';
import type { Download, RemoteBlobs } from './cached.ts';
import { type Claim, claimPlace, markerName, ownerOf } from './s3-claim.ts';
import { S3Failure } from './s3-failure.ts';
import { S3Place } from './s3-place.ts';
import { chunksOf, heldUnder, readVerified } from './s3-reading.ts';
import type { S3Options } from './s3-requests.ts';
import { uploadInParts } from './s3-upload.ts';
import { expectSame, putAnyway, putIfAbsent, putOnce } from './s3-writing.ts';
import { sha256, sha256OfFile } from './sha256.ts';

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

const usualPartBytes = 16 * 1024 * 1024;

class S3Store implements S3Blobs {
  readonly #place: S3Place;
  readonly #partBytes: number;

  constructor(options: S3Options) {
    this.#place = new S3Place(options);
    this.#partBytes = options.partBytes ?? usualPartBytes;
  }

  get requests(): number {
    return this.#place.requests.sent;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    checkBlobName(name);
    const hash = sha256(bytes);
    const given = { bytes: bytes.byteLength, sha256: hash };
    await putOnce(this.#place, name, given, () => putIfAbsent(this.#place, name, bytes, hash));
  }

  async putFile(name: string, localPath: string): Promise<void> {
    const place = this.#place;
    const key = place.keyOf(name);
    const { size } = await stat(localPath);
    if (size <= 2 * this.#partBytes) {
      return place.requests.holding(async () => this.put(name, await readFile(localPath)));
    }
    const given = { bytes: size, sha256: await sha256OfFile(localPath) };
    // An upload in parts learns only at its end that the name is taken.
    const held = await heldUnder(place, name);
    if (held !== undefined) return expectSame(place, name, held, given);
    const upload = { ...given, bucket: place.bucket, key, name, path: localPath, partBytes: this.#partBytes };
    await putOnce(place, name, given, () => uploadInParts(place.requests, upload));
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    await putAnyway(this.#place, name, bytes);
  }

  async get(name: string): Promise<Uint8Array> {
    let chunks: Uint8Array[] = [];
    await readVerified(this.#place, name, {
      begin: () => {
        chunks = [];
      },
      write: (chunk) => {
        chunks.push(chunk);
      },
    });
    return Buffer.concat(chunks);
  }

  async *stream(name: string): AsyncIterable<Uint8Array> {
    yield* chunksOf(this.#place, name);
  }

  download(name: string, into: Download): Promise<void> {
    return readVerified(this.#place, name, into);
  }

  async *list(prefix: string): AsyncIterable<BlobEntry> {
    if (prefix.includes('/') && prefix !== '/') checkBlobName(prefix.slice(0, prefix.lastIndexOf('/')));
    for await (const entry of this.#place.entries(prefix)) {
      // What others put there is nobody's to touch.
      if (isBlobName(entry.name) && entry.name !== markerName) yield entry;
    }
  }

  async remove(name: string): Promise<void> {
    const object = { Bucket: this.#place.bucket, Key: this.#place.keyOf(name) };
    await this.#place.requests
      .ask({ doing: 'remove the blob', what: name, isWrite: true, expects: ['missing'] }, (client) =>
        client.send(new DeleteObjectCommand(object)),
      )
      .catch((error) => {
        if (!(error instanceof S3Failure)) throw error;
      });
  }

  location(name: string): string {
    return `s3://${this.#place.bucket}/${this.#place.keyOf(name)}`;
  }

  async close(): Promise<void> {
    this.#place.requests.close();
  }

  claim(claim: Claim): Promise<string> {
    return claimPlace(this.#place, claim);
  }

  owner(): Promise<string | undefined> {
    return ownerOf(this.#place);
  }

  async keepsOldVersions(): Promise<boolean | undefined> {
    const { requests, bucket } = this.#place;
    return requests
      .ask({ doing: 'look at the bucket', what: bucket }, (client) =>
        client.send(new GetBucketVersioningCommand({ Bucket: bucket })),
      )
      .then(
        ({ Status }) => Status === 'Enabled',
        () => undefined,
      );
  }
}
