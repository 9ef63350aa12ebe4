// The recorder does not decode. What it must notice in passing, it finds by its bytes.

const letterS = 0x73;
const exclamation = 0x21;
const longestControlBytes = 4096;

/** False for what is surely data: `{"stream":"btcusdt@trade",…`. Cheap enough for every frame. */
export function mayBeControl(bytes: Uint8Array): boolean {
  return bytes[2] !== letterS || bytes[11] === exclamation;
}

export type ControlFrame =
  | { kind: 'shutdown' }
  | { kind: 'acknowledged'; requestId: number; error?: string }
  | undefined;

export function readControl(bytes: Uint8Array): ControlFrame {
  if (bytes.length > longestControlBytes) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  if (text.includes('"serverShutdown"')) return { kind: 'shutdown' };
  if (text.includes('"stream"') || text.startsWith('{"e":')) return undefined;
  if (!text.includes('"result"') && !text.includes('"code"')) return undefined;
  let reply: {
    id?: unknown;
    result?: unknown;
    error?: { code?: unknown; msg?: unknown };
    code?: unknown;
    msg?: unknown;
  };
  try {
    reply = JSON.parse(text) as typeof reply;
  } catch {
    return undefined;
  }
  // Without an id the reply cannot be matched; -1 stands for "some request".
  const requestId = typeof reply.id === 'number' ? reply.id : -1;
  const error = reply.error ?? (reply.code === undefined ? undefined : reply);
  if (error === undefined) return { kind: 'acknowledged', requestId };
  return { kind: 'acknowledged', requestId, error: `${String(error.code)}: ${String(error.msg)}` };
}

/** Event time of the frame, from its first `"E":`; 0 when it has none. Milliseconds become microseconds. */
export function eventTimeUs(bytes: Uint8Array): number {
  const last = bytes.length - 4;
  for (let at = 0; at < last; at += 1) {
    if (bytes[at] !== 0x45 || bytes[at - 1] !== 0x22 || bytes[at + 1] !== 0x22 || bytes[at + 2] !== 0x3a) continue;
    let value = 0;
    for (let digit = at + 3; digit < bytes.length; digit += 1) {
      const code = bytes[digit]! - 0x30;
      if (code < 0 || code > 9) break;
      value = value * 10 + code;
    }
    return value < 1e14 ? value * 1000 : value;
  }
  return 0;
}
