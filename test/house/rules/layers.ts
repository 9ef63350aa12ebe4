import { besideFolder, besideUsesUpToRow, edgeRow, folderOf, rowOf, rows } from '../rows.ts';
import type { Refusal, Rule } from '../rule.ts';
import { refusal } from '../rule.ts';
import { imports, isContract, isTest, isTypeScript } from '../source-file.ts';

const knownFolders = [...rows.flatMap(({ folders }) => folders), besideFolder].join(', ');

/** Why `from` may not import `to`, naming the better place; undefined when it may. */
function objection(from: string, to: string): string | undefined {
  if (from === to || from === 'cli') return undefined;
  const fromRow = rowOf(from);
  const toRow = rowOf(to);
  if (to === besideFolder)
    return `only cli and tests know ${besideFolder}: let cli/wire.ts start it and pass in what it made`;
  if (toRow === undefined) return undefined;
  if (from === besideFolder) {
    if (toRow <= besideUsesUpToRow) return undefined;
    return `${besideFolder} uses rows 0 to ${besideUsesUpToRow} only: take a port from src/ports, or move the shared part of ${to} into src/domain`;
  }
  if (fromRow === undefined) return undefined;
  if (toRow === edgeRow && fromRow !== edgeRow) {
    return `${to} touches the outside: import its contract from src/ports and let cli/wire.ts hand in the implementation`;
  }
  if (toRow === fromRow) {
    return `${from} and ${to} stand in the same row: move what both need down a row (src/domain or src/ports), or join them one row up`;
  }
  if (toRow > fromRow) {
    return `${from} (row ${fromRow}) would depend on ${to} (row ${toRow}): move the shared part below ${from}, or pass it in from above`;
  }
  return undefined;
}

function checkSource(file: Parameters<Rule['check']>[0]): Refusal[] {
  const folder = folderOf(file.path);
  if (folder === undefined) return [refusal(file, 0, 'src/ holds folders only: every file belongs to a row')];
  if (folder !== besideFolder && rowOf(folder) === undefined) {
    return [refusal(file, 0, `src/${folder} has no row; the folders are ${knownFolders} (test/house/rows.ts)`)];
  }
  const found: Refusal[] = [];
  for (const { target, specifier, offset } of imports(file)) {
    if (target === undefined) {
      if (specifier.startsWith('/')) found.push(refusal(file, offset, 'imports by absolute path: use a relative one'));
      continue;
    }
    const to = folderOf(target);
    const why =
      isTest(target) || (isContract(target) && !isContract(file.path))
        ? 'it serves tests alone: move what the program needs out of it'
        : !target.startsWith('src/')
          ? `src/ stands alone: move ${target} into the row it belongs to`
          : to === undefined
            ? `${target} has no row`
            : objection(folder, to);
    if (why !== undefined) found.push(refusal(file, offset, `imports ${specifier}: ${why}`));
  }
  return found;
}

function checkWeb(file: Parameters<Rule['check']>[0]): Refusal[] {
  return imports(file)
    .filter(({ target }) => target !== undefined && !target.startsWith('web/'))
    .filter(({ target }) => folderOf(target ?? '') !== 'protocol')
    .map(({ specifier, offset }) =>
      refusal(file, offset, `imports ${specifier}: the dashboard knows src/protocol alone; export it from there`),
    );
}

export const layers: Rule = {
  promise: 'a folder imports only from rows below its own',
  appliesTo: (path) => isTypeScript(path) && !isTest(path) && /^(src|web)\//.test(path),
  check: (file) => (file.path.startsWith('web/') ? checkWeb(file) : checkSource(file)),
  mustFail: [
    { path: 'src/domain/a.ts', source: "import { b } from '../ports/b.ts';" },
    { path: 'src/domain/a.ts', source: "import type { B } from '../ports/b.ts';" },
    { path: 'src/domain/a.ts', source: "export type A = import('../ports/b.ts').B;" },
    { path: 'src/domain/a.ts', source: "export * from '../candles/b.ts';" },
    { path: 'src/ports/a.ts', source: "import { b } from '../protocol/b.ts';" },
    { path: 'src/book/a.ts', source: "import { b } from '../ledger/b.ts';" },
    { path: 'src/sources/binance/a.ts', source: "import { b } from '../../candles/b.ts';" },
    { path: 'src/lake/a.ts', source: "import { b } from '../catalog/b.ts';" },
    { path: 'src/lake/a.ts', source: "import { b } from '../pipeline/b.ts';" },
    { path: 'src/pipeline/a.ts', source: "import { b } from '../lake/b.ts';" },
    { path: 'src/pipeline/a.ts', source: "const { b } = await import('../journal/b.ts');" },
    { path: 'src/pipeline/a.ts', source: "import { b } from '../recorder/b.ts';" },
    { path: 'src/server/a.ts', source: "import { b } from '../world/node/b.ts';" },
    { path: 'src/server/a.ts', source: "import { b } from '../cli/b.ts';" },
    { path: 'src/server/a.ts', source: "import { b } from '../harbour/b.ts';" },
    { path: 'src/harbour/a.ts', source: "import { b } from '../world/node/b.ts';" },
    { path: 'src/harbour/a.ts', source: "import { b } from '../pipeline/b.ts';" },
    { path: 'src/ports/sink.contract.ts', source: "import { b } from '../sinks/b.ts';" },
    { path: 'src/domain/a.ts', source: "import { b } from '../../test/b.ts';" },
    { path: 'src/lake/a.ts', source: "import { b } from './b-fixture.ts';" },
    { path: 'src/lake/a.ts', source: "import { b } from '../ports/b.contract.ts';" },
    { path: 'src/other/a.ts', source: 'export const a = 1;' },
    { path: 'src/main.ts', source: 'export const a = 1;' },
    { path: 'web/src/a.tsx', source: "import { b } from '../../src/domain/b.ts'; export const A = () => <b />;" },
  ],
  mustPass: [
    {
      path: 'src/pipeline/a.ts',
      source: "import { b } from '../candles/b.ts'; import type { C } from '../ports/c.ts';",
    },
    { path: 'src/server/a.ts', source: "import { b } from '../pipeline/b.ts';" },
    { path: 'src/lake/a.ts', source: "import { b } from '../ports/b.ts'; import { c } from './c.ts';" },
    { path: 'src/cli/wire.ts', source: "import { b } from '../lake/b.ts'; import { h } from '../harbour/h.ts';" },
    { path: 'src/harbour/a.ts', source: "import { b } from '../sources/binance/b.ts';" },
    { path: 'src/lake/lake-fixture.ts', source: "import { b } from '../blobs/b.ts';" },
    { path: 'src/pipeline/a.test.ts', source: "import { b } from '../lake/b.ts';" },
    { path: 'web/src/a.ts', source: "import { b } from '../../src/protocol/b.ts'; import { c } from './c.ts';" },
  ],
};
