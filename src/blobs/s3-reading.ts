import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { TidemarkError } from '../domain/error.ts';
import { failureOf, S3Failure, storeError } from './s3-failure.ts';
import type { S3Place } from './s3-place.ts';

/** What the store says of an object; whoever puts one through us leaves its hash with it. */
export interface Held {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string | undefined;
}

const doing = 'read the blob';

export async function heldUnder(place: S3Place, name: string): Promise<Held | undefined> {
  const object = { Bucket: place.bucket, Key: place.keyOf(name) };
  const asked = { doing: 'look at the blob', what: name, isHead: true, expects: ['missing'] } as const;
  try {
    const found = await place.requests.ask(asked, (client) => client.send(new HeadObjectCommand(object)));
    return { bytes: found.ContentLength ?? 0, sha256: found.Metadata?.['sha256'] };
  } catch (error) {
    if (error instanceof S3Failure) return undefined;
    throw error;
  }
}

/**
 * Hands out the bytes and compares them with the hash that was put with them. `begin` is called before the first byte, and
 * again when what came was wrong: twice at most, as what is wrong again was not changed on its way.
 */
export async function readVerified(
  place: S3Place,
  name: string,
  into: { begin(): void | Promise<void>; write(chunk: Uint8Array): void | Promise<void> },
): Promise<void> {
  for (let tries = 0; tries < 2; tries++) {
    await into.begin();
    const hash = createHash('sha256');
    let held: Held | undefined;
    const chunks = chunksOf(place, name, (described) => {
      held = described;
    });
    for await (const chunk of chunks) {
      hash.update(chunk);
      await into.write(chunk);
    }
    const expected = held?.sha256;
    if (expected === undefined || expected === hash.digest('hex')) return;
  }
  throw new TidemarkError('blob-damaged', {
    doing,
    what: name,
    why: 'its bytes are not those that were written',
    now: 'restore the object from a copy; tidemark lake verify lists every damaged file',
  });
}

/** The bytes in order; after a cut it goes on where it was, as long as the object is still the same. */
export async function* chunksOf(
  place: S3Place,
  name: string,
  describe: (held: Held) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let retry = place.requests.newRetry();
  let held: (Held & { readonly etag: string | undefined }) | undefined;
  let received = 0;
  for (;;) {
    const answer = await open(place, name, received, held?.etag);
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
    if (received > before) retry = place.requests.newRetry();
    if (!(await retry.pause(failure))) throw storeError(doing, name, failure);
  }
}

async function open(place: S3Place, name: string, from: number, etag: string | undefined) {
  const range = from === 0 ? {} : { Range: `bytes=${from}-`, ...(etag === undefined ? {} : { IfMatch: etag }) };
  const object = { Bucket: place.bucket, Key: place.keyOf(name), ...range };
  const asked = { doing, what: name, expects: ['exists'] } as const;
  let why = 'it was replaced meanwhile';
  try {
    const answer = await place.requests.ask(asked, (client) => client.send(new GetObjectCommand(object)));
    if (from === 0 || answer.ContentRange?.startsWith(`bytes ${from}-`) === true) return answer;
    why = 'the store begins at another byte than it was asked for';
  } catch (error) {
    if (!(error instanceof S3Failure)) throw error;
  }
  throw new TidemarkError('blob-unreadable', { doing, what: name, why, retry: 'now' });
}
