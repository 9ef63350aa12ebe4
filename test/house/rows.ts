/** The rows of ARCHITECTURE.md, lowest first: a folder of `src/` imports only from rows below its own. */
export const rows: readonly { readonly row: number; readonly folders: readonly string[]; readonly holds: string }[] = [
  { row: 0, folders: ['domain'], holds: 'words, tables, batches, units, decimals, intervals' },
  { row: 1, folders: ['ports', 'protocol'], holds: 'contracts; what the API says' },
  { row: 2, folders: ['sources', 'ledger', 'book', 'candles', 'analytics'], holds: 'pure and synchronous logic' },
  {
    row: 3,
    folders: ['journal', 'blobs', 'catalog', 'lake', 'warehouse', 'sinks', 'printer', 'world'],
    holds: 'what touches the outside',
  },
  {
    row: 4,
    folders: ['recorder', 'pipeline', 'models', 'reports'],
    holds: 'sessions to journal; journal to state and files; SQL models; reports',
  },
  { row: 5, folders: ['jobs', 'server'], holds: 'units of work; the HTTP and WebSocket API' },
  { row: 6, folders: ['cli'], holds: 'configuration, wiring, processes' },
];

/** Row of what touches the outside: known by its ports, imported by `cli` and tests alone. */
export const edgeRow = 3;

/** The simulated exchange stands beside the rows: it uses rows up to this one and only `cli` and tests import it. */
export const besideFolder = 'harbour';
export const besideUsesUpToRow = 2;

/** The files outside the edges that may open a socket. */
export const listeningFiles: ReadonlySet<string> = new Set(['src/server/listen.ts', 'src/harbour/listen.ts']);

export function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

export function rowOf(folder: string): number | undefined {
  return rows.find(({ folders }) => folders.includes(folder))?.row;
}
