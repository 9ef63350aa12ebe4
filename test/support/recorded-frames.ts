import { readFileSync } from 'node:fs';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { parseScaled } from '../../src/domain/decimal.ts';
import type { SnapshotEvent } from '../../src/domain/decoded.ts';
import type { DepthBatch } from '../../src/domain/depth-batch.ts';
import type { Slot } from '../../src/domain/slots.ts';
import { recording } from '../recordings.ts';

/** A recorded message as the venue sent it, or the snapshot that the recorder fetched. */
export interface RecordedMessage {
  readonly receivedAtUs: number;
  readonly stream: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shapes are the venue's, read here by plain JSON.parse
  readonly data: any;
}

/** Text of a recording, unpacked. */
export function recordedText(path: string): string {
  const bytes = readFileSync(recording(path));
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** Messages of `<local time> <message>` lines, in order; snapshots have the stream `snapshot`. */
export function* recordedMessages(path: string): Generator<RecordedMessage> {
  for (const line of recordedText(path).split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const digits = line.slice(0, space);
    const message = JSON.parse(line.slice(space + 1));
    yield {
      receivedAtUs: Number(digits.length === 19 ? digits.slice(0, -3) : digits),
      stream: message.stream ?? 'snapshot',
      data: message.data ?? message,
    };
  }
}

/** First entry of a zip archive, by its local header. */
export function firstZipEntry(path: string): string {
  const bytes = readFileSync(recording(path));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 30 + view.getUint16(26, true) + view.getUint16(28, true);
  // The sizes may stand after the data; the deflate stream knows its own end.
  return inflateRawSync(bytes.subarray(start)).toString('utf8');
}

export function scaled(text: string, scale: number): number {
  const value = parseScaled(text, scale);
  if (value === undefined) throw new Error(`${text} does not fit scale ${scale}`);
  return value;
}

/** Adds a `depthUpdate` message to a batch; its event index. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export function addDepth(batch: DepthBatch, data: any, slot: Slot, receivedAtUs: number): number {
  const event = batch.addEvent(slot.index);
  batch.firstUpdateId[event] = data.U;
  batch.finalUpdateId[event] = data.u;
  batch.previousUpdateId[event] = data.pu ?? Number.NaN;
  batch.eventAtUs[event] = data.E * 1000;
  batch.receivedAtUs[event] = receivedAtUs;
  for (const [isBid, levels] of [
    [1, data.b],
    [0, data.a],
  ] as const) {
    for (const [price, quantity] of levels) {
      batch.addLevel(isBid, scaled(price, slot.priceScale), scaled(quantity, slot.quantityScale));
    }
  }
  return event;
}

// biome-ignore lint/suspicious/noExplicitAny: see above
export function toSnapshot(data: any, slot: Slot, limit: number, receivedAtUs: number): SnapshotEvent {
  const column = (levels: string[][], index: 0 | 1, scale: number) =>
    Float64Array.from(levels, (level) => scaled(level[index]!, scale));
  return {
    slot: slot.index,
    lastUpdateId: data.lastUpdateId,
    bidPrices: column(data.bids, 0, slot.priceScale),
    bidQuantities: column(data.bids, 1, slot.quantityScale),
    askPrices: column(data.asks, 0, slot.priceScale),
    askQuantities: column(data.asks, 1, slot.quantityScale),
    limit,
    receivedAtUs,
  };
}
