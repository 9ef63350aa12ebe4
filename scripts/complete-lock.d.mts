import type { NpmLockEntry } from './install-state.mjs';

export interface FullLock {
  readonly packages: Readonly<Record<string, NpmLockEntry>>;
}
export function candidatePaths(path: string, name: string): string[];
export function missingOptional(
  lock: FullLock,
): readonly { readonly path: string; readonly name: string; readonly version: string; readonly dev: boolean }[];
export function platformOf(name: string): Pick<NpmLockEntry, 'os' | 'cpu' | 'libc'>;
export function completeLock<L extends FullLock>(lock: L): { readonly lock: L; readonly added: readonly string[] };
