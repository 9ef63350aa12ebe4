// Runs every test, two files at a time: `npm test -- [part of a file name …] [--name pattern] [--timeout seconds] [--list]`.
// With --engines (`npm run test:engines`) those in test/engines instead, which start real servers, a file at a time.
// The last line is always `N passed, M failed, K skipped`; the line before it says what was skipped and why.
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FileResult, runFile } from './run-file.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const enginesPattern = 'test/engines/**/*.test.ts';
const patterns = ['src', 'test', 'web', 'bench', 'scripts'].map((folder) => `${folder}/**/*.test.ts`);
/** A first run downloads and builds servers before its first test. */
const timeoutWithEnginesS = '900';

function fail(message: string): never {
  console.error(message);
  console.log('\nnothing skipped\n0 passed, 1 failed, 0 skipped');
  process.exit(2);
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        timeout: { type: 'string' },
        list: { type: 'boolean', default: false },
        engines: { type: 'boolean', default: false },
      },
    });
    const timeoutS = Number(values.timeout ?? (values.engines ? timeoutWithEnginesS : '120'));
    if (!(timeoutS > 0)) fail(`--timeout takes seconds, not ${values.timeout}`);
    const { name: namePattern, list, engines } = values;
    return { filters: positionals, namePattern, testTimeoutMs: timeoutS * 1000, list, engines };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** Whole-system scenarios take longest, so they go first and the short ones fill the other lane. */
function inOrder(files: readonly string[]): string[] {
  const rank = (file: string): number => (file.startsWith('test/') && !file.startsWith('test/house/') ? 0 : 1);
  return files.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function report(result: FileResult): void {
  const { file, passed, failed, skipped, output, elapsedMs } = result;
  const counts = [`${passed} passed`];
  if (failed.length > 0) counts.push(`${failed.length} FAILED`);
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
  console.log(`${failed.length > 0 ? '✖' : '✔'} ${file}  ${counts.join(', ')}  ${(elapsedMs / 1000).toFixed(1)} s`);
  for (const { name, line, why } of failed) {
    console.log(`\n  ✖ ${name}${line > 0 ? `  (${file}:${line})` : ''}\n${why.replace(/^/gm, '    ')}\n`);
  }
  if (failed.length > 0 && output.trim() !== '') {
    console.log(`  it printed:\n${output.trimEnd().replace(/^/gm, '    │ ')}\n`);
  }
}

const options = readOptions();
const filesAtOnce = options.engines ? 1 : 2;
const found = globSync(options.engines ? enginesPattern : patterns, {
  cwd: root,
  exclude: ['**/node_modules/**', ...(options.engines ? [] : [enginesPattern])],
}).map((file) => file.replaceAll('\\', '/'));
const files = inOrder(
  found.filter((file) => options.filters.length === 0 || options.filters.some((part) => file.includes(part))),
);
if (files.length === 0) {
  fail(
    options.filters.length === 0 ? 'no test file was found' : `no test file matches ${options.filters.join(' or ')}`,
  );
}
if (options.list) {
  console.log(files.join('\n'));
  process.exit(0);
}

// The second start of 200 files takes a quarter of the first.
process.env['NODE_COMPILE_CACHE'] ??= join(root, 'dist', 'compile-cache');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stop.abort();
    console.log(`\nstopped by ${signal}`);
    process.exit(130);
  });
}

const results: FileResult[] = [];
const waiting = [...files];
async function lane(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const result = await runFile({
      file,
      root,
      testTimeoutMs: options.testTimeoutMs,
      ...(options.namePattern !== undefined && { namePattern: options.namePattern }),
      signal: stop.signal,
    });
    report(result);
    results.push(result);
  }
}
await Promise.all(Array.from({ length: filesAtOnce }, lane));

const passed = results.reduce((sum, result) => sum + result.passed, 0);
const skipped = results.flatMap((result) => result.skipped);
let failed = results.reduce((sum, result) => sum + result.failed.length, 0);
if (passed + failed + skipped.length === 0) {
  console.log(`\nno test is named like ${options.namePattern}`);
  failed = 1;
}
if (failed > 0) {
  console.log('\nfailed:');
  for (const result of results) for (const one of result.failed) console.log(`  ${result.file}: ${one.name}`);
}
console.log(
  skipped.length === 0
    ? '\nnothing skipped'
    : `\nskipped: ${skipped.map(({ name, reason }) => `${name} (${reason})`.replaceAll('\n', ' ')).join('; ')}`,
);
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
