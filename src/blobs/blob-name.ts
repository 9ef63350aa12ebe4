import { TidemarkError } from '../domain/error.ts';

/** Where a folder keeps what is half written; no name of a blob. */
export const incomingFolder = '.incoming';

const nameMax = 512;

/** Names are safe as a path and as a key: nothing leaves the store, nothing needs escaping. */
export function isBlobName(name: string): boolean {
  const parts = name.split('/');
  const isPlain = parts.every((part) => /^[A-Za-z0-9_=.-]+$/.test(part) && part !== '.' && part !== '..');
  return isPlain && parts[0] !== incomingFolder && name.length <= nameMax;
}

export function checkBlobName(name: string): void {
  if (isBlobName(name)) return;
  throw new TidemarkError('bad-blob-name', {
    doing: 'use the blob name',
    what: JSON.stringify(name.slice(0, 100)),
    why: 'names are letters, digits and _ = . - in parts joined by /',
  });
}
