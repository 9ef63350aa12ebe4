import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Option } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import type { Problem, SqlAnswer } from '../../protocol/api.ts';
import { parseAsOf } from '../../server/query.ts';
import { createNodeWorld } from '../../world/node/index.ts';
import { openCommitted } from '../committed.ts';
import type { Config } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { runningEngineUrl } from '../wire.ts';
import { integerArgument } from './serve.ts';

interface SqlOptions {
  readonly query?: string;
  readonly file?: string;
  readonly format: 'table' | 'csv' | 'jsonl';
  readonly maxRows: number;
  readonly asOf?: string;
}

export function registerSql(program: Command): void {
  program
    .command('sql')
    .description('one SELECT over all tables; asks the running engine, else reads what is committed and says so')
    .argument('[query]', 'the statement')
    .option('-c, --query <sql>', 'the statement, as an option')
    .option('-f, --file <file>', 'a file that holds the statement')
    .addOption(
      new Option('--format <format>', 'how rows are printed').choices(['table', 'csv', 'jsonl']).default('table'),
    )
    .option('--max-rows <number>', 'rows at most', integerArgument, 10_000)
    .option('--as-of <version>', 'as it was committed then: a catalog version, or an instant such as now-10m')
    .addHelpText(
      'after',
      '\nExamples:\n  tidemark sql "SELECT symbol, count(*) FROM trades GROUP BY 1"\n  tidemark sql -f report.sql --format csv',
    )
    .action(async (query: string | undefined, options: SqlOptions, command: Command) => {
      const sql = options.query ?? query ?? (options.file === undefined ? '' : readStatement(options.file));
      if (sql.trim() === '') {
        throw new TidemarkError('bad-query', {
          doing,
          why: 'none was given',
          now: 'try: tidemark sql "SELECT * FROM gaps"',
        });
      }
      const { config } = configOf(command);
      const answer = await ask(sql, config, options);
      const warnings = [
        ...(answer.source === 'committed' && options.asOf === undefined
          ? ['no engine runs on this data folder: committed rows only']
          : []),
        ...(answer.truncated ? [`only the first ${options.maxRows} rows; there are more`] : []),
      ];
      const names = answer.columns.map((column) => column.name);
      const text = () => {
        if (options.format === 'csv') return [names, ...answer.rows].map(csvLine).join('\n');
        if (options.format === 'jsonl') {
          return answer.rows
            .map((row) => JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at]]))))
            .join('\n');
        }
        return textTable(names, answer.rows);
      };
      print('sql', globalOptions(command), answer, text, warnings);
    });
}

const doing = 'run the query';

function readStatement(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TidemarkError('not-found', { doing: 'read the statement', what: file, cause });
  }
}

type Answer = Pick<SqlAnswer, 'columns' | 'rows' | 'truncated' | 'catalogVersion' | 'lakeFiles' | 'lakeBytes'> & {
  source: 'engine' | 'committed';
};

async function ask(sql: string, config: Config, { maxRows, asOf }: SqlOptions): Promise<Answer> {
  const then = asOf === undefined ? undefined : parseAsOf('--as-of', asOf, () => Date.now() * 1000);
  const layout = layoutOf(config.dataDir, process.cwd());
  const url = await runningEngineUrl(layout, createNodeWorld());
  if (url !== undefined) {
    const response = await fetch(`${url}/api/v1/sql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql, maxRows, asOf }),
    });
    if (!response.ok) {
      const problem = (await response.json()) as Problem;
      // The engine's words begin as these do.
      throw new TidemarkError(problem.code, { doing, why: problem.detail.replace(`cannot ${doing}: `, '') });
    }
    return { ...((await response.json()) as SqlAnswer), source: 'engine' };
  }
  const committed = await openCommitted(layout, config);
  try {
    return { ...(await committed.query(sql, { maxRows }, then)), source: 'committed' };
  } finally {
    await committed.close();
  }
}

/** RFC 4180; a leading character that a spreadsheet would run as a formula is quoted away. */
function csvLine(cells: readonly (string | null)[]): string {
  return cells
    .map((cell) => {
      const text = cell === null ? '' : /^[=+@\t\r]|^-(?![\d.])/.test(cell) ? `'${cell}` : cell;
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}
