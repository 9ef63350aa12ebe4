import { TidemarkError } from '../../domain/error.ts';
import type { BlobEntry, BlobStore } from '../../ports/blob-store.ts';
import { damaged } from './avro-file.ts';
import { readManifestList } from './manifest.ts';
import { parseMetadata, type TableMetadata } from './metadata.ts';
import { addressesOf, hintName, icebergPrefix, metadataNumber } from './names.ts';

/** What a table's metadata folder holds, told apart. */
export interface MetadataFolder {
  readonly table: string;
  /** `v<N>.metadata.json` that are in use or were until a short while ago, oldest first. */
  readonly metadata: readonly BlobEntry[];
  /** Manifests and manifest lists that these name, and the pointer. */
  readonly named: ReadonlySet<string>;
  /** Named, and not there when the folder was listed. */
  readonly absent: readonly string[];
  /** Metadata that was replaced longer ago. */
  readonly superseded: readonly BlobEntry[];
  /** Neither named nor metadata. */
  readonly rest: readonly BlobEntry[];
  /** Metadata that is in use and cannot be read. */
  readonly damage: TidemarkError | undefined;
}

/** Manifests by manifest list: neither ever changes. */
export type KnownLists = Map<string, readonly string[]>;

const listsAtOnce = 8;

/**
 * Metadata folders of all tables. Readers that began with a metadata file find all that it names until `beforeUs` (by the
 * store's clock) is later than its successor.
 */
export async function metadataFolders(
  blobs: BlobStore,
  beforeUs: number,
  known: KnownLists = new Map(),
): Promise<readonly MetadataFolder[]> {
  const byTable = new Map<string, BlobEntry[]>();
  for await (const entry of blobs.list(icebergPrefix)) {
    const table = entry.name.split('/')[1]!;
    const entries = byTable.get(table);
    if (entries === undefined) byTable.set(table, [entry]);
    else entries.push(entry);
  }
  const folders: MetadataFolder[] = [];
  for (const [table, entries] of byTable) folders.push(await folderOf(blobs, table, entries, beforeUs, known));
  const used = new Set(folders.flatMap(({ named }) => [...named]));
  for (const list of known.keys()) if (!used.has(list)) known.delete(list);
  return folders;
}

async function folderOf(
  blobs: BlobStore,
  table: string,
  entries: readonly BlobEntry[],
  beforeUs: number,
  known: KnownLists,
): Promise<MetadataFolder> {
  const numbered = entries
    .flatMap((entry) => {
      const found = metadataNumber(entry.name);
      return found === undefined ? [] : [{ entry, n: found.n }];
    })
    .sort((a, b) => a.n - b.n)
    .map(({ entry }) => entry);
  const first = numbered.findIndex((_, at) => (numbered[at + 1]?.storedAtUs ?? Number.POSITIVE_INFINITY) > beforeUs);
  const metadata = first < 0 ? [] : numbered.slice(first);
  const superseded = numbered.slice(0, Math.max(0, first));
  const named = new Set([hintName(table)]);
  try {
    const lists = [...(await listsOf(blobs, metadata))];
    const unknown = lists.filter((name) => !known.has(name));
    await Promise.all(
      Array.from({ length: listsAtOnce }, async () => {
        for (let name = unknown.pop(); name !== undefined; name = unknown.pop()) {
          known.set(name, await manifestsOf(blobs, name));
        }
      }),
    );
    for (const list of lists) {
      named.add(list);
      for (const manifest of known.get(list)!) named.add(manifest);
    }
  } catch (error) {
    if (!(error instanceof TidemarkError) || !['iceberg-damaged', 'blob-missing'].includes(error.code)) throw error;
    // Nobody knows what it names: all of it stays.
    for (const { name } of entries) named.add(name);
    return { table, metadata, named, absent: [], superseded, rest: [], damage: error };
  }
  const isNumbered = new Set(numbered);
  const there = new Set(entries.map(({ name }) => name));
  return {
    table,
    metadata,
    named,
    absent: [...named].filter((name) => !there.has(name)),
    superseded,
    rest: entries.filter((entry) => !isNumbered.has(entry) && !named.has(entry.name)),
    damage: undefined,
  };
}

/** Manifest lists of all snapshots in these metadata files. Each file lists the ones before it, so that few are read. */
async function listsOf(blobs: BlobStore, metadata: readonly BlobEntry[]): Promise<Set<string>> {
  const lists = new Set<string>();
  const addresses = addressesOf(blobs);
  for (let at = metadata.length - 1; at >= 0; ) {
    const { name } = metadata[at]!;
    const { snapshots }: TableMetadata = parseMetadata(name, await blobs.get(name));
    for (const snapshot of snapshots) {
      const list = addresses.nameOf(snapshot['manifest-list']);
      // Of a lake that lay in another place: there is nothing of it here.
      if (list !== undefined) lists.add(list);
    }
    at = at === 0 ? -1 : Math.max(0, at - snapshots.length);
  }
  return lists;
}

async function manifestsOf(blobs: BlobStore, list: string): Promise<readonly string[]> {
  const addresses = addressesOf(blobs);
  return readManifestList(list, await blobs.get(list)).map(({ manifest_path: path }) => {
    const name = addresses.nameOf(path);
    if (name === undefined) throw damaged(list, new Error('it names a manifest of another place'));
    return name;
  });
}
