import { createHash } from 'node:crypto';
import { TidemarkError } from '../domain/error.ts';
import { dayUs } from '../domain/interval.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { ReportFile, ReportRow } from '../protocol/reports.ts';

const prefix = 'reports/';
/** Written last: a report without it is half made and never shown. */
const manifestName = 'report.json';
const markerName = 'sent.json';
/** What is half made and older than this belongs to nobody any more. */
const abandonedUs = dayUs;

/** What the manifest keeps; the rest of a row is known only beside the other reports. */
export type Manifest = Omit<ReportRow, 'isSuperseded' | 'sentAtUs'>;

export interface NewFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Which revisions replace each other. */
function placeOf({ kind, subject, fromUs, toUs }: Pick<ReportRow, 'kind' | 'subject' | 'fromUs' | 'toUs'>): string {
  return `${kind} ${fromUs} ${toUs} ${subject}`;
}

/** The stored reports: a folder each in the blob store, never changed once they are there. */
export class ReportShelf {
  readonly #blobs: BlobStore;
  /** Manifests never change. */
  readonly #manifests = new Map<string, Manifest>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** Newest first. */
  async list(filter: { kind?: string; subject?: string } = {}): Promise<ReportRow[]> {
    const sentAtUs = new Map<string, number>();
    const ids: string[] = [];
    for await (const { name, storedAtUs } of this.#blobs.list(prefix)) {
      const [, id = '', file, ...deeper] = name.split('/');
      if (deeper.length > 0) continue;
      if (file === manifestName) ids.push(id);
      if (file === markerName) sentAtUs.set(id, storedAtUs);
    }
    const manifests: Manifest[] = [];
    for (const id of ids) {
      const manifest = await this.#manifest(id);
      if (manifest !== undefined) manifests.push(manifest);
    }
    manifests.sort((a, b) => b.madeAtUs - a.madeAtUs || b.catalogVersion - a.catalogVersion || (a.id < b.id ? -1 : 1));
    const newest = new Map<string, Manifest>();
    for (const manifest of manifests) {
      const place = placeOf(manifest);
      if (!newest.has(place)) newest.set(place, manifest);
    }
    return manifests
      .filter(({ kind, subject }) => (filter.kind ?? kind) === kind && (filter.subject ?? subject) === subject)
      .map((manifest) => ({
        ...manifest,
        sentAtUs: sentAtUs.get(manifest.id) ?? null,
        isSuperseded: newest.get(placeOf(manifest)) !== manifest,
      }));
  }

  /** Fails with `not-found`. */
  async find(id: string): Promise<ReportRow> {
    const row = (await this.list()).find((report) => report.id === id);
    if (row !== undefined) return row;
    throw new TidemarkError('not-found', { doing: 'find the report', what: JSON.stringify(id.slice(0, 120)) });
  }

  /** A file that the manifest names; fails with `not-found` for any other. */
  async file(id: string, name: string): Promise<{ file: ReportFile; bytes: Uint8Array }> {
    const manifest = /^[A-Za-z0-9=-]{1,400}$/.test(id) ? await this.#manifest(id) : undefined;
    const file = manifest?.files.find((candidate) => candidate.name === name);
    if (file === undefined) {
      throw new TidemarkError('not-found', {
        doing: 'find the file',
        what: JSON.stringify(`${id}/${name}`.slice(0, 160)),
        why:
          manifest === undefined
            ? 'there is no such report'
            : `it has ${manifest.files.map((has) => has.name).join(', ')}`,
      });
    }
    const bytes = await this.#blobs.get(`${prefix}${id}/${name}`);
    if (hashOf(bytes) !== file.sha256) {
      throw new TidemarkError('report-damaged', {
        doing: 'read',
        what: `${id}/${name}`,
        why: 'its bytes are not those that were stored',
        now: 'make the report again',
      });
    }
    return { file, bytes };
  }

  /** The newest revision of a place, if there is one. */
  async newest(place: Pick<ReportRow, 'kind' | 'subject' | 'fromUs' | 'toUs'>): Promise<ReportRow | undefined> {
    const wanted = placeOf(place);
    return (await this.list()).find((report) => placeOf(report) === wanted && !report.isSuperseded);
  }

  /** The id, or one after it: a lake that was rebuilt counts its versions anew. */
  async freeId(id: string): Promise<string> {
    for (let next = 1; ; next++) {
      const candidate = next === 1 ? id : `${id}-${next}`;
      if ((await this.#manifest(candidate)) === undefined) return candidate;
    }
  }

  /** Files first, the manifest last: on rejection nothing is to be seen, and it may be asked again. */
  async publish(manifest: Omit<Manifest, 'files'>, files: readonly NewFile[]): Promise<Manifest> {
    const folder = `${prefix}${manifest.id}/`;
    if ((await this.#manifest(manifest.id)) !== undefined) {
      throw new TidemarkError('report-exists', {
        doing: 'store the report',
        what: manifest.id,
        why: 'it is there already',
      });
    }
    await this.#clear(folder);
    const whole: Manifest = {
      ...manifest,
      files: files.map(({ name, bytes }) => ({ name, bytes: bytes.byteLength, sha256: hashOf(bytes) })),
    };
    try {
      for (const { name, bytes } of files) await this.#blobs.put(`${folder}${name}`, bytes);
      await this.#blobs.put(`${folder}${manifestName}`, Buffer.from(`${JSON.stringify(whole, null, 2)}\n`));
    } catch (error) {
      // Best effort: what stays is never shown, and goes with `tidy`.
      await this.#clear(folder).catch(() => undefined);
      throw error;
    }
    return whole;
  }

  /** Remembers beside the report that it was sent, to whom. */
  async markSent(id: string, letter: { readonly messageId: string; readonly to: readonly string[] }): Promise<void> {
    await this.#blobs.replace(`${prefix}${id}/${markerName}`, Buffer.from(`${JSON.stringify(letter)}\n`));
  }

  /** Takes a report off the shelf, its manifest first: it is shown whole or not at all. */
  async remove(id: string): Promise<void> {
    this.#manifests.delete(id);
    await this.#clear(`${prefix}${id}/`);
  }

  /** Removes what a process left half made long ago; how many files. */
  async tidy(nowUs: number): Promise<number> {
    const folders = new Map<string, { names: string[]; isWhole: boolean; newestUs: number }>();
    for await (const { name, storedAtUs } of this.#blobs.list(prefix)) {
      const [, id = '', file] = name.split('/');
      const folder = folders.get(id) ?? { names: [], isWhole: false, newestUs: 0 };
      folder.names.push(name);
      folder.isWhole ||= file === manifestName;
      folder.newestUs = Math.max(folder.newestUs, storedAtUs);
      folders.set(id, folder);
    }
    let removed = 0;
    for (const { names, isWhole, newestUs } of folders.values()) {
      if (isWhole || newestUs > nowUs - abandonedUs) continue;
      for (const name of names) {
        await this.#blobs.remove(name);
        removed++;
      }
    }
    return removed;
  }

  /** Of a folder whose report is not there yet, or is being taken back. */
  async #clear(folder: string): Promise<void> {
    const names: string[] = [];
    for await (const { name } of this.#blobs.list(folder)) names.push(name);
    // The manifest first: what is half gone is not shown either.
    names.sort((a, b) => Number(b.endsWith(`/${manifestName}`)) - Number(a.endsWith(`/${manifestName}`)));
    for (const name of names) await this.#blobs.remove(name);
  }

  async #manifest(id: string): Promise<Manifest | undefined> {
    const known = this.#manifests.get(id);
    if (known !== undefined) return known;
    let bytes: Uint8Array;
    try {
      bytes = await this.#blobs.get(`${prefix}${id}/${manifestName}`);
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'blob-missing') return undefined;
      throw error;
    }
    const manifest = readManifest(bytes, id);
    if (manifest !== undefined) this.#manifests.set(id, manifest);
    return manifest;
  }
}

/** What somebody else put there under this name is no report. */
function readManifest(bytes: Uint8Array, id: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as Manifest;
    return manifest.id === id && Array.isArray(manifest.files) ? manifest : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
