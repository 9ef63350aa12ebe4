import { TidemarkError } from '../domain/error.ts';

/** Documented and stable; `docs/cli.md` lists them. */
export const exitCodes = {
  success: 0,
  unexpected: 1,
  usage: 2,
  config: 3,
  notFound: 4,
  conflict: 5,
  network: 6,
  rateLimited: 7,
  checkFailed: 8,
  partly: 9,
  permission: 10,
  interrupted: 130,
  terminated: 143,
} as const;

const byCode: Readonly<Record<string, number>> = {
  'config-invalid': exitCodes.config,
  'no-host': exitCodes.config,
  'bad-stream': exitCodes.config,
  'bad-address': exitCodes.config,
  'remote-refused': exitCodes.config,
  'store-foreign': exitCodes.config,
  'store-taken': exitCodes.config,
  'store-incomplete': exitCodes.config,
  'store-unable': exitCodes.config,
  'store-region': exitCodes.config,
  'store-file-unreadable': exitCodes.config,
  'bad-instrument': exitCodes.usage,
  'bad-interval': exitCodes.usage,
  'bad-query': exitCodes.usage,
  'bad-time': exitCodes.usage,
  'bad-run': exitCodes.usage,
  'bad-report': exitCodes.usage,
  'bad-recording': exitCodes.usage,
  'sql-refused': exitCodes.usage,
  'sql-failed': exitCodes.usage,
  'not-found': exitCodes.notFound,
  'unknown-instrument': exitCodes.notFound,
  'no-such-model': exitCodes.notFound,
  'no-such-version': exitCodes.notFound,
  'unknown-table': exitCodes.notFound,
  'unknown-job': exitCodes.notFound,
  'unknown-run': exitCodes.notFound,
  'unknown-catch-up': exitCodes.notFound,
  'not-recorded': exitCodes.notFound,
  'journal-locked': exitCodes.conflict,
  'lake-locked': exitCodes.conflict,
  'port-in-use': exitCodes.conflict,
  'report-busy': exitCodes.conflict,
  'harbour-listen': exitCodes.conflict,
  'data-folder-used': exitCodes.conflict,
  'shipping-conflict': exitCodes.conflict,
  'journal-lost': exitCodes.conflict,
  'lake-lost': exitCodes.conflict,
  'lake-older': exitCodes.conflict,
  'fence-lost': exitCodes.conflict,
  'job-conflict': exitCodes.conflict,
  'not-available': exitCodes.conflict,
  'not-ready': exitCodes.conflict,
  'journal-behind': exitCodes.conflict,
  network: exitCodes.network,
  'catalog-unreachable': exitCodes.network,
  'catalog-refused': exitCodes.network,
  'catalog-outcome-unknown': exitCodes.network,
  // Mended from outside while the recorder goes on, so the engine is started again.
  'store-missing': exitCodes.network,
  'store-refused': exitCodes.network,
  'store-unreachable': exitCodes.network,
  'store-busy': exitCodes.network,
  'store-failing': exitCodes.network,
  'store-clock': exitCodes.network,
  'shared-lake': exitCodes.usage,
  'rate-limited': exitCodes.rateLimited,
  'lake-damaged': exitCodes.checkFailed,
  'model-test-failed': exitCodes.checkFailed,
};

export function exitCodeOf(error: unknown): number {
  return error instanceof TidemarkError ? (byCode[error.code] ?? exitCodes.unexpected) : exitCodes.unexpected;
}

/** A supervisor must not restart after these: the same would happen again. */
export function isFatal(exitCode: number): boolean {
  return ([exitCodes.usage, exitCodes.config, exitCodes.conflict, exitCodes.permission] as number[]).includes(exitCode);
}
