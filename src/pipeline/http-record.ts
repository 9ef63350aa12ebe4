import { TidemarkError } from '../domain/error.ts';
import type { HttpRecordHead } from '../ports/journal.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Payload of an `http` record: u32 LE length of the head, the head as JSON, the body as received. */
export function encodeHttpRecord(head: HttpRecordHead, body: Uint8Array): Uint8Array {
  const json = encoder.encode(JSON.stringify(head));
  const bytes = new Uint8Array(4 + json.length + body.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  bytes.set(body, 4 + json.length);
  return bytes;
}

export function decodeHttpRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
): { head: HttpRecordHead; body: Uint8Array } {
  const length = end - start < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0, true);
  if (length === 0 || start + 4 + length > end) throw damaged('its head is longer than the record');
  let head: HttpRecordHead | null;
  try {
    head = JSON.parse(decoder.decode(bytes.subarray(start + 4, start + 4 + length))) as HttpRecordHead | null;
  } catch (cause) {
    throw damaged('its head is no JSON', cause);
  }
  if (head === null) throw damaged('its head is empty');
  return { head, body: bytes.subarray(start + 4 + length, end) };
}

function damaged(why: string, cause?: unknown): TidemarkError {
  return new TidemarkError('journal-damaged', { doing: 'read an http record', why, cause });
}
