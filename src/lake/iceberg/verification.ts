import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../../domain/error.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { Catalog, DataFile } from '../../ports/catalog.ts';
import type { LakeProblem } from '../../ports/lake-upkeep.ts';
import { icebergName } from '../own-names.ts';
import { addressesOf, hintName, metadataName } from './names.ts';
import { newestNumbers, publishedVersion, readPublished } from './published-table.ts';
import { metadataFolders } from './superseded-metadata.ts';
import type { Published } from './table-history.ts';

export interface IcebergVerification {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  readonly hasIceberg: boolean;
  /** Metadata that was replaced before is a sweep's to remove. */
  readonly beforeUs: number;
  readonly problems: LakeProblem[];
  readonly notes: string[];
}

/** A publication may come between two reads: what differs is looked at again before it is called wrong. */
const looks = 5;
const lookDelayMs = 200;

/** Compares the newest metadata of every table with the catalog, and looks for all that it names; how many tables. */
export async function verifyIceberg(given: IcebergVerification): Promise<number> {
  const { catalog, blobs, problems, notes } = given;
  const newest = await newestNumbers(blobs);
  for (const table of [...newest.keys()].sort()) {
    const found = await lookAt(given, table);
    if (found.problem !== undefined) {
      if (given.hasIceberg || found.problem.kind === 'iceberg-damaged') problems.push(found.problem);
      else notes.push(`Iceberg metadata of ${table} is as it was when it was published last`);
    }
    if (found.note !== undefined) notes.push(found.note);
  }
  if (given.hasIceberg) {
    const { files } = await catalog.state();
    const absent = new Set(files.map(({ table }) => table).filter((table) => !newest.has(table)));
    for (const table of absent) notes.push(`${table} has no Iceberg metadata yet: the engine publishes it`);
  }
  await namedBlobs(given);
  return newest.size;
}

interface Look {
  readonly problem?: LakeProblem;
  readonly note?: string;
}

async function lookAt(given: IcebergVerification, table: string): Promise<Look> {
  let found: Look = {};
  for (let look = 0; look < looks; look++) {
    if (look > 0) await sleep(lookDelayMs);
    found = await compare(given, table);
    if (found.problem === undefined) break;
  }
  return found;
}

async function compare({ catalog, blobs }: IcebergVerification, table: string): Promise<Look> {
  const n = (await newestNumbers(blobs)).get(table) ?? 0;
  const name = metadataName(table, n);
  let published: Published;
  try {
    published = await readPublished(blobs, table, n, addressesOf(blobs));
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retry === 'later') throw error;
    return { problem: { kind: 'iceberg-damaged', name, detail: error.why ?? error.message } };
  }
  const version = publishedVersion(published);
  const state = await catalog.state();
  const of = (files: readonly DataFile[]) => files.filter((file) => file.table === table);
  const now = of(state.files);
  const nowDiffers = difference(published, now);
  if (nowDiffers !== undefined) {
    const then = version > state.version ? undefined : await atVersion(catalog, version);
    const detail = then === undefined ? nowDiffers : difference(published, of(then));
    if (detail !== undefined) return { problem: { kind: 'iceberg-differs', name, detail } };
    return { note: `Iceberg metadata of ${table} is of version ${version}: the engine publishes ${state.version}` };
  }
  const hint = await blobs.get(hintName(table)).catch(() => undefined);
  const told = hint === undefined ? Number.NaN : Number(new TextDecoder().decode(hint));
  return told === n ? {} : { note: `${hintName(table)} does not name v${n}: the engine mends it` };
}

async function atVersion(catalog: Catalog, version: number): Promise<readonly DataFile[] | undefined> {
  try {
    return (await catalog.state(version)).files;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'no-such-version') return undefined;
    throw error;
  }
}

/** The first thing in which the metadata differs from the files. */
function difference({ manifests }: Published, files: readonly DataFile[]): string | undefined {
  const entries = manifests.flatMap(({ live }) => live);
  const listed = new Map(entries.map((entry) => [entry.name, entry]));
  if (listed.size < entries.length) return 'it lists a file twice';
  for (const file of files) {
    const entry = listed.get(file.name);
    if (entry === undefined) return `${file.name} is not listed`;
    if (entry.rows !== file.rows || entry.bytes !== file.bytes) {
      return `${file.name} is listed with ${entry.rows} rows and ${entry.bytes} bytes, it has ${file.rows} and ${file.bytes}`;
    }
    listed.delete(file.name);
  }
  const [extra] = listed.keys();
  return extra === undefined ? undefined : `${extra} is listed and not in the table`;
}

/** Whether all that kept metadata names is there, and nothing that is not ours. */
async function namedBlobs({ blobs, beforeUs, problems }: IcebergVerification): Promise<void> {
  let found: readonly LakeProblem[] = [];
  for (let look = 0; look < looks; look++) {
    if (look > 0) await sleep(lookDelayMs);
    found = await lookAtFolders(blobs, beforeUs);
    if (found.length === 0) return;
  }
  const known = new Set(problems.map(({ name }) => name));
  problems.push(...found.filter(({ name }) => !known.has(name)));
}

async function lookAtFolders(blobs: BlobStore, beforeUs: number): Promise<readonly LakeProblem[]> {
  const folders = await metadataFolders(blobs, beforeUs);
  return folders.flatMap(({ table, absent, rest, damage }): LakeProblem[] => [
    ...(damage === undefined
      ? []
      : [{ kind: 'iceberg-damaged' as const, name: damage.what ?? table, detail: damage.why ?? damage.message }]),
    ...absent.map(
      (name): LakeProblem => ({ kind: 'iceberg-damaged', name, detail: 'metadata names it, and it is not there' }),
    ),
    ...rest
      .filter(({ name }) => !icebergName.test(name))
      .map(
        ({ name, bytes }): LakeProblem => ({ kind: 'foreign', name, detail: `${bytes} bytes that are not the lake’s` }),
      ),
  ]);
}
