import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { TidemarkError } from '../domain/error.ts';
import { S3Failure, storeError } from './s3-failure.ts';
import type { S3Place } from './s3-place.ts';
import { chunksOf, type Held, heldUnder } from './s3-reading.ts';
import { sha256 } from './sha256.ts';
import { signedWith } from './signed-with.ts';

/** How often a write begins again after the store said that another one was in its way. */
const restartsMax = 5;

const doing = 'write the blob';

/** Only where there is none. Rejects with an `S3Failure` where the name is or may be taken. */
export async function putIfAbsent(
  place: S3Place,
  name: string,
  bytes: Uint8Array,
  hash = sha256(bytes),
): Promise<void> {
  const object = {
    Bucket: place.bucket,
    Key: place.keyOf(name),
    Body: bytes,
    IfNoneMatch: '*',
    Metadata: { sha256: hash },
  };
  await place.requests.ask({ doing, what: name, isWrite: true, expects: ['exists'] }, (client) =>
    client.send(signedWith(hash, new PutObjectCommand(object))),
  );
}

/** Whatever is there. */
export async function putAnyway(place: S3Place, name: string, bytes: Uint8Array): Promise<void> {
  const hash = sha256(bytes);
  const object = { Bucket: place.bucket, Key: place.keyOf(name), Body: bytes, Metadata: { sha256: hash } };
  await place.requests.ask({ doing: 'replace the blob', what: name, isWrite: true }, (client) =>
    client.send(signedWith(hash, new PutObjectCommand(object))),
  );
}

/**
 * Writes until the name holds the bytes given or is known to hold others. That it is taken may be our own doing: the
 * answer to the try before was lost after the write took effect.
 */
export async function putOnce(place: S3Place, name: string, given: Held, write: () => Promise<void>): Promise<void> {
  const retry = place.requests.newRetry();
  for (let restarts = 0; ; restarts++) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof S3Failure)) throw error;
      const held = await heldUnder(place, name);
      if (held !== undefined) return expectSame(place, name, held, given);
      if (restarts === restartsMax || !(await retry.pause(error))) {
        if (error.kind === 'exists') throw refusesAbsent(name);
        throw storeError(doing, name, new S3Failure('conflict', error.message), true);
      }
    }
  }
}

export async function expectSame(place: S3Place, name: string, held: Held, given: Held): Promise<void> {
  if (held.bytes === given.bytes && (held.sha256 ?? (await hashOf(place, name))) === given.sha256) return;
  throw new TidemarkError('blob-conflict', { doing, what: name, why: 'it exists with other bytes' });
}

/** For an object that somebody put there without our metadata. */
async function hashOf(place: S3Place, name: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(place, name)) hash.update(chunk);
  return hash.digest('hex');
}

/** Some stores take the mark that a removed object leaves in a bucket with versions for an object. */
function refusesAbsent(name: string): TidemarkError {
  return new TidemarkError('store-unable', {
    doing,
    what: name,
    why: 'the store says that the name is taken, and has nothing under it',
    now: 'this store can not be used with versions of objects: use a bucket without',
  });
}
