import { join } from 'node:path';
import { openFolderBlobs } from '../../src/blobs/folder.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import type { Instrument, StreamKind } from '../../src/domain/instrument.ts';
import { secondUs } from '../../src/domain/interval.ts';
import { type ReplayFeed, recordedKind } from '../../src/harbour/index.ts';
import { openParquetLake } from '../../src/lake/parquet-lake.ts';
import { rebuild } from '../../src/pipeline/rebuild.ts';
import {
  json,
  ScriptedJournal,
  type ScriptedRecord,
  source,
} from '../../src/pipeline/scripted-journal.test-fixture.ts';
import type { BlobStore } from '../../src/ports/blob-store.ts';
import type { Catalog } from '../../src/ports/catalog.ts';
import { recordKinds } from '../../src/ports/journal.ts';
import type { Lake } from '../../src/ports/lake.ts';

export interface Frame {
  /** Combined envelope. */
  readonly bytes: Uint8Array;
  readonly receivedAtUs: number;
}

export interface LakeStores {
  readonly lake: Lake;
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  close(): Promise<void>;
}

const blockRecords = 5000;

export async function openLakeIn(folder: string): Promise<LakeStores> {
  const catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'));
  const blobs = openFolderBlobs(join(folder, 'lake'));
  const lake = await openParquetLake({ catalog, blobs, scratchFolder: join(folder, 'scratch', 'lake') });
  return {
    lake,
    catalog,
    blobs,
    close: async () => {
      await lake.close();
      await catalog.close();
    },
  };
}

/** What a recorder would have written of these frames: one session over all of them, a pulse a second. */
export function journalOf(
  instruments: readonly Instrument[],
  kinds: readonly StreamKind[],
  frames: Iterable<Frame>,
): ScriptedJournal {
  const [{ market }] = instruments as [Instrument];
  const hosts = { streams: { [market]: ['wss://stream.example'] }, rest: {} };
  const streams = instruments.flatMap((instrument) => kinds.map((kind) => ({ instrument, kind })));
  const plan = source.plan({ streams, hosts, dataKind: 'replay', venueTime: { mode: 'frames' } });
  const journal = new ScriptedJournal('recorder');
  const planSession = plan.sessions[0]!.id;
  let records: ScriptedRecord[] = [];
  let pulsedAtUs = 0;
  for (const { bytes, receivedAtUs } of frames) {
    if (pulsedAtUs === 0) {
      records.push(
        json(recordKinds.plan, plan, receivedAtUs),
        json(
          recordKinds.session,
          { event: 'dialled', session: 1, planSession, market, url: 'wss://stream.example' },
          receivedAtUs,
        ),
        json(recordKinds.session, { event: 'opened', session: 1 }, receivedAtUs),
      );
    }
    if (receivedAtUs >= pulsedAtUs + secondUs) {
      pulsedAtUs = receivedAtUs;
      records.push(
        json(
          recordKinds.pulse,
          { wallUs: receivedAtUs, monotonicUs: receivedAtUs, venueUs: receivedAtUs },
          receivedAtUs,
        ),
      );
    }
    records.push({ session: 1, receivedAtUs, payload: bytes.slice() });
    if (records.length < blockRecords) continue;
    journal.append(...records);
    records = [];
  }
  journal.append(...records);
  journal.sync();
  return journal;
}

/** Everything that the engine would have derived of the journal, committed. */
export async function derive(lake: Lake, journal: ScriptedJournal, periodUs: number): Promise<void> {
  await rebuild({ source, lake, readers: [journal], commit: { periodUs, maxRows: 500_000 } });
}

/** Frames of a recording whose streams are of these kinds, as the venue names them. */
export function* framesOf(feed: ReplayFeed, kinds: readonly string[]): Generator<Frame> {
  const encoder = new TextEncoder();
  for (const entry of feed.entries()) {
    if (entry.kind !== 'frame' || !kinds.includes(recordedKind(entry.stream))) continue;
    const text = entry.envelope ?? `{"stream":"${entry.stream}","data":${entry.data}}`;
    yield { bytes: encoder.encode(text), receivedAtUs: entry.atUs };
  }
}
