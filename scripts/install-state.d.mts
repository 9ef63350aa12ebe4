// Types for the TypeScript files that use it; the file itself must run before TypeScript can.
export const root: string;
export const minimumNodeMajor: number;
export const pinnedNode: string;
export function lockHash(folder?: string): string;
export interface NpmLock {
  readonly packages?: Readonly<Record<string, NpmLockEntry>>;
}
export interface NpmLockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
export function installedMatchesLock(wanted: NpmLock | undefined, installed: NpmLock | undefined): boolean;
export function stampPath(folder?: string): string;
export function isInstalled(folder?: string): boolean;
export function pinnedNodeProblem(
  node?: string,
  env?: Readonly<Record<string, string | undefined>>,
): string | undefined;
export function webSourceHash(folder?: string): string;
export function webStampPath(folder?: string): string;
export function isWebBuilt(folder?: string): boolean;
export function chromiumOnPath(env?: Readonly<Record<string, string | undefined>>): string | undefined;
export function chromiumOfPlaywright(): string | undefined;
/** Path of a Chromium that browser tests can start, or undefined. */
export function findChromium(): string | undefined;
export function withSetupLock<T>(folder: string, work: () => T, onWait?: (pid: number) => void): T;
