// The one place that writes instants. Everything is UTC; values are µs since 1970.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function isoText(atUs: number): string {
  const text = new Date(Math.floor(atUs / 1000)).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, 19)}Z` : text;
}

export function clockText(atUs: number, withMillis = false): string {
  return new Date(Math.floor(atUs / 1000)).toISOString().slice(11, withMillis ? 23 : 19);
}

export function minuteText(atUs: number): string {
  return clockText(atUs).slice(0, 5);
}

export function dayText(atUs: number): string {
  const at = new Date(Math.floor(atUs / 1000));
  return `${at.getUTCDate()} ${months[at.getUTCMonth()]}`;
}

export function monthText(atUs: number): string {
  const at = new Date(Math.floor(atUs / 1000));
  return at.getUTCMonth() === 0 ? String(at.getUTCFullYear()) : months[at.getUTCMonth()]!;
}

export function dateTimeText(atUs: number): string {
  return new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 19).replace('T', ' ');
}

/** Time to a close: `0:17`, `4:05`, `2:03:09`, `3 d`. */
export function countdownText(us: number): string {
  const seconds = Math.max(0, Math.ceil(us / 1e6));
  if (seconds >= 2 * 86400) return `${Math.floor(seconds / 86400)} d`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0
    ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}`
    : `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
}

export function spanText(us: number): string {
  const seconds = Math.max(0, Math.round(us / 1e6));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function lagText(ms: number): string {
  if (ms < 1) return '< 1 ms';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** From and to of a stretch, the date only where it is needed: `12:03–12:07`, `8 Aug 23:58 – 9 Aug 00:02`. */
export function stretchText(fromUs: number, toUs: number, withSeconds: boolean): string {
  const short = (atUs: number): string => (withSeconds ? clockText(atUs) : minuteText(atUs));
  if (dayText(fromUs) === dayText(Math.max(fromUs, toUs - 1))) return `${short(fromUs)}–${short(toUs)}`;
  return `${dayText(fromUs)} ${short(fromUs)} – ${dayText(toUs)} ${short(toUs)}`;
}
