import { secondUs } from '../domain/interval.ts';
import type { BlobEntry, BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Garbage } from '../ports/lake-upkeep.ts';
import { type KnownLists, metadataFolders } from './iceberg/superseded-metadata.ts';
import { isOwnName } from './own-names.ts';

export interface GarbageRules {
  /** Versions that stay readable, whatever their age. */
  readonly keptVersions: number;
  /** What was replaced, and what nobody names, stays at least so long. */
  readonly graceUs: number;
}

export const defaultRules: GarbageRules = { keptVersions: 64, graceUs: 900 * secondUs };

export interface GarbagePlan {
  /** Versions before this one can be forgotten once the plan is carried out. */
  readonly oldestVersion: number;
  readonly garbage: readonly Garbage[];
}

/**
 * The oldest version to keep: later ones are fewer than `keptVersions`, or the one before was replaced less than the grace
 * period ago.
 */
export async function oldestKeptVersion(catalog: Catalog, rules: GarbageRules, nowUs: number): Promise<number> {
  const versions = await catalog.versions();
  const newest = versions.at(-1)?.version ?? 0;
  const old = versions.findLast(
    ({ version, committedAtUs }) => version <= newest - rules.keptVersions && committedAtUs <= nowUs - rules.graceUs,
  );
  return old?.version ?? versions[0]?.version ?? 0;
}

/** What may be removed; with `looksEverywhere` also what no version ever named, and Iceberg metadata, for which the store is listed. */
export async function planGarbage(
  catalog: Catalog,
  blobs: BlobStore,
  rules: GarbageRules,
  nowUs: number,
  { looksEverywhere, knownLists }: { looksEverywhere: boolean; knownLists?: KnownLists },
): Promise<GarbagePlan> {
  const oldestVersion = await oldestKeptVersion(catalog, rules, nowUs);
  const superseded = await supersededBlobs(catalog, oldestVersion);
  if (!looksEverywhere) {
    return { oldestVersion, garbage: [...superseded].map((name) => ({ name, bytes: null, why: 'superseded' })) };
  }
  const beforeUs = nowUs - rules.graceUs;
  const garbage: Garbage[] = [];
  const found: BlobEntry[] = [];
  for (const prefix of ['lake/', 'checkpoints/']) for await (const entry of blobs.list(prefix)) found.push(entry);
  // Asked for after the list: what is in the list and was committed meanwhile is named.
  const named = await namedBlobs(catalog);
  for (const { name, bytes, storedAtUs } of found) {
    if (superseded.has(name)) garbage.push({ name, bytes, why: 'superseded' });
    else if (!named.has(name) && storedAtUs <= beforeUs && isOwnName(name))
      garbage.push({ name, bytes, why: 'unnamed' });
  }
  for (const folder of await metadataFolders(blobs, beforeUs, knownLists)) {
    for (const { name, bytes } of folder.superseded) garbage.push({ name, bytes, why: 'superseded' });
    for (const { name, bytes, storedAtUs } of folder.rest) {
      if (storedAtUs <= beforeUs && isOwnName(name)) garbage.push({ name, bytes, why: 'unnamed' });
    }
  }
  return { oldestVersion, garbage };
}

/** Of these names the ones that are garbage still: a commit may have written a file of the same bytes again. */
export async function stillGarbage(
  catalog: Catalog,
  { oldestVersion }: GarbagePlan,
  garbage: readonly Garbage[],
): Promise<readonly string[]> {
  const superseded = await supersededBlobs(catalog, oldestVersion);
  const named = await namedBlobs(catalog);
  return garbage.map(({ name }) => name).filter((name) => superseded.has(name) || !named.has(name));
}

async function supersededBlobs(catalog: Catalog, oldestVersion: number): Promise<Set<string>> {
  const kept = new Set(await catalog.checkpointsSince(oldestVersion));
  const checkpoints = (await catalog.checkpointsSince(0)).filter((name) => !kept.has(name));
  return new Set([...(await catalog.superseded(oldestVersion)), ...checkpoints]);
}

async function namedBlobs(catalog: Catalog): Promise<Set<string>> {
  return new Set([...(await catalog.fileNames()), ...(await catalog.checkpointsSince(0))]);
}
