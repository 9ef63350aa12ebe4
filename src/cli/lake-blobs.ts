import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { openFolderBlobs } from '../blobs/folder.ts';
import { TidemarkError } from '../domain/error.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Logger } from '../ports/log.ts';
import type { Config } from './config.ts';
import type { Layout } from './layout.ts';

/** The settings as the S3 store takes them. */
export function s3OptionsOf({ s3 }: Config['lake']) {
  const { bucket, prefix, endpoint, region, pathStyle, retrySeconds } = s3;
  return {
    bucket: bucket!,
    prefix,
    patienceMs: retrySeconds * 1000,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(pathStyle === undefined ? {} : { pathStyle }),
  };
}

/** How Iceberg's clients reach the same bucket; credentials are their own. */
export function icebergClientSettings({ store, s3 }: Config['lake']): Record<string, string> {
  if (store !== 's3') return {};
  return {
    ...(s3.endpoint === undefined ? {} : { 's3.endpoint': s3.endpoint }),
    ...(s3.region === undefined ? {} : { 's3.region': s3.region, 'client.region': s3.region }),
    ...(s3.pathStyle === undefined ? {} : { 's3.path-style-access': String(s3.pathStyle) }),
  };
}

/**
 * Where the lake's files are: a folder of the data folder, or the bucket that the settings name. Whoever writes gives the
 * catalog along; then the bucket is claimed first, so that nobody takes the files of others for leftovers.
 */
export async function openLakeBlobs(
  layout: Layout,
  lake: Config['lake'] | undefined,
  { writesTo, log }: { readonly writesTo?: Catalog | undefined; readonly log?: Logger | undefined } = {},
): Promise<BlobStore> {
  if (lake?.store !== 's3') {
    if (writesTo !== undefined) mkdirSync(layout.lake, { recursive: true });
    return openFolderBlobs(layout.lake);
  }
  const { openS3Blobs } = await import('../blobs/s3.ts');
  const { openCachedBlobs } = await import('../blobs/cached.ts');
  const remote = openS3Blobs({ ...s3OptionsOf(lake), ...(log === undefined ? {} : { log }) });
  try {
    if (writesTo !== undefined) {
      const storeId = readStoreId(layout) ?? writeStoreId(layout, randomUUID());
      const claimed = await remote.claim({
        storeId,
        known: async () => {
          const { files, checkpoint } = await writesTo.state();
          return [...files.map((file) => file.name), ...(checkpoint === undefined ? [] : [checkpoint])];
        },
      });
      if (claimed !== storeId) writeStoreId(layout, claimed);
    }
  } catch (error) {
    await remote.close();
    throw error;
  }
  return openCachedBlobs(remote, { folder: layout.cache, maxBytes: lake.cacheMaxBytes });
}

/**
 * Puts an object there, reads it back and removes it: two writers at once, of whom one must be told that the name is taken.
 * Fails with what is wrong.
 */
export async function tryBucket(layout: Layout, lake: Config['lake']) {
  const { openS3Blobs } = await import('../blobs/s3.ts');
  const store = openS3Blobs(s3OptionsOf(lake));
  const name = `doctor-${randomUUID()}`;
  const texts = ['one', 'two'];
  try {
    const puts = await Promise.allSettled(texts.map((text) => store.put(name, new TextEncoder().encode(text))));
    const refusals = puts.flatMap((put) => (put.status === 'rejected' ? [put.reason as unknown] : []));
    const failure = refusals.find((reason) => !(reason instanceof TidemarkError && reason.code === 'blob-conflict'));
    if (failure !== undefined) {
      await store.remove(name).catch(() => undefined);
      throw failure;
    }
    const held = new TextDecoder().decode(await store.get(name));
    await store.remove(name);
    if (refusals.length !== 1 || held !== texts[puts.findIndex(({ status }) => status === 'fulfilled')]) {
      throw new TidemarkError('store-unable', {
        doing: 'keep the lake in',
        what: store.location(name),
        why: 'of two writers of one name both were told that they were first',
        now: 'use a store with conditional writes; docs/object-store.md names some',
      });
    }
    const owner = await store.owner();
    return {
      location: `s3://${lake.s3.bucket}/${lake.s3.prefix}`,
      isForeign: owner !== undefined && owner !== readStoreId(layout),
      keepsOldVersions: await store.keepsOldVersions(),
    };
  } finally {
    await store.close();
  }
}

/**
 * The bucket of a data folder that is gone becomes that of this one, which takes the other's place: what a catalog that is
 * gone, too, had there are leftovers then.
 */
export async function adoptBucket(layout: Layout, lake: Config['lake']): Promise<void> {
  const { openS3Blobs } = await import('../blobs/s3.ts');
  const remote = openS3Blobs(s3OptionsOf(lake));
  try {
    const owner = await remote.owner();
    if (owner !== undefined) writeStoreId(layout, owner);
  } finally {
    await remote.close();
  }
}

function readStoreId({ storeFile }: Layout): string | undefined {
  if (!existsSync(storeFile)) return undefined;
  try {
    const { storeId } = JSON.parse(readFileSync(storeFile, 'utf8')) as { storeId?: unknown };
    if (typeof storeId === 'string') return storeId;
  } catch {
    // Told below.
  }
  throw new TidemarkError('store-file-unreadable', {
    doing: 'read',
    what: storeFile,
    why: 'it does not name a store',
    now: 'remove it: a bucket with the files of this catalog is recognised without it',
  });
}

function writeStoreId({ dataDir, storeFile }: Layout, storeId: string): string {
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(`${storeFile}.new`, `${JSON.stringify({ storeId })}\n`, { flush: true });
  renameSync(`${storeFile}.new`, storeFile);
  return storeId;
}
