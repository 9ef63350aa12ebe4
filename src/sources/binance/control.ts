import type { Decoded } from '../../domain/decoded.ts';

/** Text that subscribes to stream names. Ids are unsigned integers: futures take no others. */
export function subscribeMessage(names: readonly string[], requestId: number): string {
  return JSON.stringify({ method: 'SUBSCRIBE', params: names, id: requestId });
}

export function unsubscribeMessage(names: readonly string[], requestId: number): string {
  return JSON.stringify({ method: 'UNSUBSCRIBE', params: names, id: requestId });
}

/** Request id of an answer that names none, as most errors do. */
export const noRequestId = -1;

/**
 * Takes an answer to a control message: `{"result":…,"id":…}`, `{"code":…,"msg":…}` with or without id, or
 * `{"error":{"code":…,"msg":…},"id":…}`. False when the object is something else.
 */
export function decodeControl(frame: Record<string, unknown>, out: Decoded): boolean {
  const id = frame['id'];
  const requestId = typeof id === 'number' ? id : noRequestId;
  const wrapped = frame['error'];
  const error = typeof wrapped === 'object' && wrapped !== null ? (wrapped as Record<string, unknown>) : frame;
  if (typeof error['code'] === 'number' && typeof error['msg'] === 'string') {
    const text = `${error['code']}: ${error['msg']}`;
    out.controls.push({ kind: 'acknowledged', requestId, error: text });
    out.addFinding('control-refused', '', `the venue refused a control message: ${text}`);
    return true;
  }
  if ('result' in frame && 'id' in frame) {
    out.controls.push({ kind: 'acknowledged', requestId });
    return true;
  }
  return false;
}
