import path from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { TidemarkError } from '../domain/error.ts';
import { openJournalBytes } from '../journal/segment-pieces.ts';
import { openShippedJournal } from '../journal/shipped-journal.ts';
import type { Shipping } from '../pipeline/shipping.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import type { Layout } from './layout.ts';

/** Journals of a data folder, in the order in which they are spoken of. */
export function journalsOf(layout: Layout): readonly { readonly writer: string; readonly folder: string }[] {
  return [
    { writer: 'recorder', folder: layout.recorderJournal },
    { writer: 'engine', folder: layout.engineJournal },
  ];
}

/** The store that the journals are shipped to; undefined where they are not. */
export async function openShippingStore({ shipping }: Config, layout: Layout): Promise<BlobStore | undefined> {
  if (!(shipping.enabled ?? shipping.store !== undefined)) return undefined;
  if (shipping.store === undefined)
    throw refused('shipping.enabled', 'there is no store to ship to', 'set shipping.store');
  const folder = path.resolve(shipping.store);
  if (`${folder}${path.sep}`.startsWith(`${layout.dataDir}${path.sep}`)) {
    throw refused('shipping.store', `${folder} is in the data folder and would be lost with it`, 'name another disk');
  }
  return openFolderBlobs(folder);
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
  return new Shipping({
    world,
    store: blobs.location('journal'),
    journals: await Promise.all(journals),
    maxDelayMs: config.shipping.maxDelaySeconds * 1000,
    maxObjectBytes: config.shipping.maxObjectBytes,
    log,
  });
}

function refused(setting: string, why: string, now: string): TidemarkError {
  return new TidemarkError('config-invalid', { doing: 'use', what: `setting ${setting}`, why, now });
}
