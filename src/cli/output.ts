import { TidemarkError } from '../domain/error.ts';
import { exitCodeOf } from './exit-codes.ts';
import { version } from './version.ts';

/** Global options of every command. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

export const schemaVersion = 1;

/** stdout is data: with `--json` one envelope, else the text. */
export function print(
  command: string,
  options: OutputOptions,
  data: unknown,
  text: () => string,
  warnings: readonly string[] = [],
): void {
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ schemaVersion, command, ok: true, data, warnings, meta: { version } })}\n`,
    );
  } else {
    for (const warning of warnings) process.stderr.write(`${warning}\n`);
    const lines = text();
    if (lines !== '') process.stdout.write(`${lines}\n`);
  }
}

/** Wrong arguments: the parser has said so on stderr, with `--json` stdout has it too. */
export function printUsageError(command: string, message: string): void {
  const error = { code: 'usage', message: message.replace(/^error: /, '') };
  process.stdout.write(
    `${JSON.stringify({ schemaVersion, command, ok: false, error, warnings: [], meta: { version } })}\n`,
  );
}

/** stderr is talk. Returns the exit code. */
export function reportError(command: string, options: OutputOptions, error: unknown): number {
  const code = error instanceof TidemarkError ? error.code : 'unexpected';
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof TidemarkError ? error.hint : undefined;
  if (options.json) {
    const failure = { code, message, ...(hint === undefined ? {} : { hint }) };
    process.stdout.write(
      `${JSON.stringify({ schemaVersion, command, ok: false, error: failure, warnings: [], meta: { version } })}\n`,
    );
  } else {
    process.stderr.write(`tidemark ${command}: ${message} [${code}]\n`);
  }
  if (options.verbose && error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
  return exitCodeOf(error);
}

/** Columns as wide as their widest cell; numbers to the right. */
export function textTable(header: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const isNumber = header.map(
    (_, at) => rows.length > 0 && rows.every((row) => row[at] === null || /^(-?[\d.]+|–)$/.test(row[at]!)),
  );
  const width = header.map((name, at) => Math.max(name.length, ...rows.map((row) => (row[at] ?? 'NULL').length)));
  const line = (cells: readonly (string | null)[]) =>
    cells
      .map((cell, at) => (isNumber[at] ? (cell ?? 'NULL').padStart(width[at]!) : (cell ?? 'NULL').padEnd(width[at]!)))
      .join('  ')
      .trimEnd();
  return [line(header), width.map((length) => '─'.repeat(length)).join('  '), ...rows.map(line)].join('\n');
}
