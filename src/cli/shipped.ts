import path from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { TidemarkError } from '../domain/error.ts';
import { openJournalBytes } from '../journal/segment-pieces.ts';
import { openShippedJournal } from '../journal/shipped-journal.ts';
import type { ShippedBlobs } from '../journal/shipped-object.ts';
import type { Shipping } from '../pipeline/shipping.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import { s3OptionsOf } from './lake-blobs.ts';
import type { Layout } from './layout.ts';

/** Journals of a data folder, in the order in which they are spoken of. */
export function journalsOf(layout: Layout): readonly { readonly writer: string; readonly folder: string }[] {
  return [
    { writer: 'recorder', folder: layout.recorderJournal },
    { writer: 'engine', folder: layout.engineJournal },
  ];
}

export type ShippingStore = ShippedBlobs & Pick<BlobStore, 'location' | 'close'>;

/** Shipping tries again by itself, and says meanwhile what is in the way. */
const patienceMs = 5000;

/** The store that the journals are shipped to; undefined where they are not. */
export async function openShippingStore(
  { shipping, lake }: Pick<Config, 'shipping' | 'lake'>,
  layout: Layout,
): Promise<ShippingStore | undefined> {
  const { enabled, store } = shipping;
  if (!(enabled ?? (store !== undefined || lake.store === 's3'))) return undefined;
  if (store === undefined && lake.store !== 's3') {
    throw refused('shipping.enabled', 'there is no store to ship to', 'set shipping.store');
  }
  const bucket = store === undefined ? lake.s3 : bucketIn(store);
  if (bucket !== undefined) {
    const { openS3Blobs } = await import('../blobs/s3.ts');
    return openS3Blobs({ ...s3OptionsOf({ ...lake, s3: { ...lake.s3, ...bucket } }), patienceMs });
  }
  const folder = path.resolve(store!);
  if (`${folder}${path.sep}`.startsWith(`${layout.dataDir}${path.sep}`)) {
    throw refused('shipping.store', `${folder} is in the data folder and would be lost with it`, 'name another disk');
  }
  return openFolderBlobs(folder);
}

/** Of `s3://bucket/prefix`; undefined for a folder. */
function bucketIn(store: string): { bucket: string; prefix: string } | undefined {
  const match = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(store);
  return match === null ? undefined : { bucket: match[1]!, prefix: match[2]! };
}

export async function openShipping(
  config: Config,
  layout: Layout,
  world: World,
  log: Logger,
): Promise<Shipping | undefined> {
  const blobs = await openShippingStore(config, layout);
  if (blobs === undefined) return undefined;
  const { Shipping } = await import('../pipeline/shipping.ts');
  const journals = journalsOf(layout).map(async ({ writer, folder }) => ({
    bytes: await openJournalBytes(world, { folder, writer }),
    shipped: openShippedJournal(blobs, writer),
  }));
  const scratchFolder = path.join(layout.scratch, 'shipping');
  world.files.makeFolder(scratchFolder);
  return new Shipping({
    world,
    store: blobs.location('journal'),
    closeStore: () => blobs.close(),
    journals: await Promise.all(journals),
    maxDelayMs: config.shipping.maxDelaySeconds * 1000,
    maxObjectBytes: config.shipping.maxObjectBytes,
    packPeriodMs: config.lake.maintenanceSeconds * 1000,
    scratchFolder,
    log,
  });
}

function refused(setting: string, why: string, now: string): TidemarkError {
  return new TidemarkError('config-invalid', { doing: 'use', what: `setting ${setting}`, why, now });
}
