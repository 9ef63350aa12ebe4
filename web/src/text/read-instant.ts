/** Instant of what somebody wrote: `2026-03-18`, `2026-03-18 09:30`, with or without T and Z, always UTC, or `now-6h`. */
export function readInstant(text: string, nowUs: number): number | undefined {
  const trimmed = text.trim();
  const back = /^now(?:\s*-\s*(\d+)\s*(s|m|h|d))?$/.exec(trimmed);
  if (back !== null) {
    const unit = { s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 }[back[2] as 's' | 'm' | 'h' | 'd'] ?? 0;
    return nowUs - Number(back[1] ?? 0) * unit;
  }
  const match = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?)?Z?$/.exec(trimmed);
  if (match === null) return undefined;
  const [whole = ':00', fraction = ''] = (match[3] ?? ':00').split('.');
  const atMs = Date.parse(`${match[1]}T${match[2] ?? '00:00'}${whole}Z`);
  // Of the 31st of February a calendar makes another day.
  if (Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 10) !== match[1]) return undefined;
  return atMs * 1000 + Number(fraction.padEnd(6, '0') || 0);
}
