// A journal whose blocks and syncs a test says, and frames to put into it.
import type {
  JournalBlock,
  JournalPosition,
  JournalReader,
  RecordKind,
  RecordView,
  SegmentHead,
} from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import type { Plan, StreamWish } from '../ports/source.ts';
import { createBinanceSource } from '../sources/binance/index.ts';

export interface ScriptedRecord {
  readonly kind?: RecordKind;
  readonly session?: number;
  readonly receivedAtUs?: number;
  readonly payload: string | Uint8Array;
}

export const startUs = 1_790_649_901_000_000;
export const source = createBinanceSource();
export const btc = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' } as const;
const encoder = new TextEncoder();

/** Every record takes one place; a block is what one `append` was given. */
export class ScriptedJournal implements JournalReader {
  readonly writer: string;
  readonly blocks: ScriptedRecord[][] = [];
  /** So many blocks survive a power cut. */
  synced = 0;
  #sequence = 0;
  readonly #firstSequences: number[] = [];
  #wakes: (() => void)[] = [];

  constructor(writer: string) {
    this.writer = writer;
  }

  append(...records: ScriptedRecord[]): JournalBlock {
    this.#firstSequences.push(this.#sequence);
    this.#sequence += records.length;
    this.blocks.push(records);
    this.poke();
    return this.block(this.blocks.length - 1);
  }

  sync(blocks = this.blocks.length): void {
    this.synced = blocks;
    this.poke();
  }

  poke(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  at(block: number): JournalPosition {
    const sequence = this.#firstSequences[block] ?? this.#sequence;
    return { writer: this.writer, segment: 1, offset: block, sequence };
  }

  block(index: number): JournalBlock {
    const records = this.blocks[index]!;
    return {
      from: this.at(index),
      to: this.at(index + 1),
      isSynced: index < this.synced,
      forEach: (visit) => {
        for (const [at, record] of records.entries()) {
          const { payload } = record;
          const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
          const view: RecordView = {
            kind: record.kind ?? recordKinds.frame,
            session: record.session ?? 1,
            sequence: this.#firstSequences[index]! + at,
            receivedAtUs: record.receivedAtUs ?? startUs,
            monotonicUs: record.receivedAtUs ?? startUs,
            bytes,
            start: 0,
            end: bytes.length,
          };
          visit(view);
        }
      },
    };
  }

  start = async () => this.at(0);
  syncedEnd = async () => this.at(this.synced);
  read = async (from: JournalPosition) => (from.offset < this.blocks.length ? this.block(from.offset) : undefined);
  head = async (): Promise<SegmentHead | undefined> => undefined;
  afterDamage = async () => undefined;
  wait = () => new Promise<void>((resolve) => void this.#wakes.push(resolve));
  close = async () => {};
}

const kinds = ['trade', 'agg-trade', 'depth', 'book-ticker', 'ticker'] as const;

export function planOf(streams: readonly StreamWish[] = kinds.map((kind) => ({ instrument: btc, kind }))): Plan {
  const hosts = { streams: { spot: ['ws://venue'] }, rest: {} };
  return source.plan({ streams, hosts, dataKind: 'simulated', venueTime: { mode: 'wall', offsetUs: 0 } });
}

export const json = (kind: RecordKind, payload: object, receivedAtUs = startUs): ScriptedRecord => ({
  kind,
  session: 0,
  receivedAtUs,
  payload: JSON.stringify(payload),
});

/** A plan and an open session of it. */
export function opened(session = 1, plan = planOf()): ScriptedRecord[] {
  const planSession = plan.sessions[0]!.id;
  return [
    json(recordKinds.plan, plan),
    json(recordKinds.session, { event: 'dialled', session, planSession, market: 'spot', url: 'ws://venue' }),
    json(recordKinds.session, { event: 'opened', session }),
  ];
}

export const tradeFrame = (id: number, session = 1, receivedAtUs = startUs + id * 1000): ScriptedRecord => ({
  session,
  receivedAtUs,
  payload: `{"stream":"btcusdt@trade","data":{"e":"trade","E":${receivedAtUs},"s":"BTCUSDT","t":${id},"p":"100.50","q":"0.25","T":${receivedAtUs},"m":true,"M":true}}`,
});

export const tickerFrame = (id: number, session = 1, receivedAtUs = startUs + id * 1000): ScriptedRecord => ({
  session,
  receivedAtUs,
  payload: `{"stream":"btcusdt@bookTicker","data":{"u":${id},"s":"BTCUSDT","b":"1.5","B":"2","a":"1.6","A":"3"}}`,
});

export const depthFrame = (id: number, session = 1, receivedAtUs = startUs + id * 1000): ScriptedRecord => ({
  session,
  receivedAtUs,
  payload: `{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":${receivedAtUs},"s":"BTCUSDT","U":${id},"u":${id},"b":[["1.5","${id}"]],"a":[]}}`,
});

/** Lets everything that can go on do so. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
