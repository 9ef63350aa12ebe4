import { TidemarkError } from '../domain/error.ts';
import { S3Failure } from './s3-failure.ts';
import type { S3Place } from './s3-place.ts';
import { readVerified } from './s3-reading.ts';
import { abortAbandoned } from './s3-upload.ts';
import { putIfAbsent, putOnce } from './s3-writing.ts';
import { sha256 } from './sha256.ts';

/** Says whose the files below the prefix are. */
export const markerName = 'tidemark-store.json';

const doing = 'keep the lake in';

/** Who wants to write to a place. */
export interface Claim {
  /** Of the data folder. */
  readonly storeId: string;
  /** Blobs that its catalog knows; none when it is new. */
  known(): Promise<readonly string[]>;
}

export async function claimPlace(place: S3Place, { storeId, known }: Claim): Promise<string> {
  let owner = await ownerOf(place);
  if (owner !== storeId && !(await holdsAll(place, await known(), owner))) {
    throw new TidemarkError('store-taken', {
      doing,
      what: place.address,
      why: 'the lake of another data folder lies there, or this one lost its disk',
      now: 'bring catalog and journal back with tidemark restore, or set lake.s3.prefix to another place',
    });
  }
  if (owner === undefined) {
    const marker = markerOf(storeId);
    const given = { bytes: marker.byteLength, sha256: sha256(marker) };
    // Of two that claim at once one is refused here.
    await putOnce(place, markerName, given, () => putIfAbsent(place, markerName, marker));
    owner = storeId;
  }
  await checkConditions(place, markerOf(owner));
  await abortAbandoned(place.requests, place.bucket, place.prefix);
  return owner;
}

/** Undefined when nobody claimed the place. */
export async function ownerOf(place: S3Place): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    await readVerified(place, markerName, {
      begin: () => {
        text = '';
      },
      write: (chunk) => {
        text += decoder.decode(chunk);
      },
    });
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'blob-missing') return undefined;
    throw error;
  }
  try {
    const { storeId } = JSON.parse(text) as { storeId?: unknown };
    return typeof storeId === 'string' ? storeId : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the place is that of a catalog that knows these blobs; a place without an owner may be empty for a new one. */
async function holdsAll(place: S3Place, known: readonly string[], owner: string | undefined): Promise<boolean> {
  if (owner !== undefined && known.length === 0) return false;
  const missing = new Set(known);
  for await (const { name } of place.entries()) {
    if (known.length === 0) {
      throw new TidemarkError('store-foreign', {
        doing,
        what: place.address,
        why: `other files lie there (${JSON.stringify((place.prefix + name).slice(0, 100))})`,
        now: 'set lake.s3.prefix to a place with nothing in it',
      });
    }
    missing.delete(name);
  }
  if (missing.size === 0) return true;
  if (owner !== undefined) return false;
  throw new TidemarkError('store-incomplete', {
    doing,
    what: place.address,
    why: `the catalog names ${missing.size} files that are not there, such as ${[...missing][0]}`,
    now: 'copy the folder lake of the data folder there first, or set the lake back to where it was',
  });
}

/** Writing what is there already must be refused; a store that takes it would let one writer overwrite another's file. */
async function checkConditions(place: S3Place, marker: Uint8Array): Promise<void> {
  const isRefused = await putIfAbsent(place, markerName, marker).then(
    () => false,
    (error: unknown) => {
      if (error instanceof S3Failure && error.kind === 'exists') return true;
      throw error;
    },
  );
  if (isRefused) return;
  throw new TidemarkError('store-unable', {
    doing,
    what: place.address,
    why: 'the store does not honour If-None-Match: two writers could overwrite each other',
    now: 'use a store with conditional writes; docs/object-store.md names some',
  });
}

function markerOf(storeId: string): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ storeId })}\n`);
}
