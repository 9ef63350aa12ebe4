import { Store } from '../live/store.ts';

export interface SqlTab {
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

export interface RanStatement {
  readonly sql: string;
  readonly atMs: number;
  readonly elapsedMs: number;
  readonly rows: number | null;
  /** Why it failed; null when it did not. */
  readonly failure: string | null;
}

export interface SavedQuery {
  readonly name: string;
  readonly text: string;
}

/** What the workbench keeps in the browser: texts survive a lost connection, a reload and the next visit. */
export interface KeptTexts {
  readonly tabs: readonly SqlTab[];
  readonly active: number;
  readonly history: readonly RanStatement[];
  readonly saved: readonly SavedQuery[];
}

const storageKey = 'tidemark.sql';
const mostHistory = 200;

const first: KeptTexts = {
  tabs: [
    {
      id: 1,
      name: 'first.sql',
      text: `-- Ctrl Enter runs the statement at the cursor
SELECT symbol, count(*) AS trades, sum(quantity) AS volume, min(traded_at) AS first, max(traded_at) AS last
FROM trades
WHERE market = :market
GROUP BY symbol
ORDER BY trades DESC;
`,
    },
  ],
  active: 1,
  history: [],
  saved: [],
};

function read(): KeptTexts {
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? 'null') as Partial<KeptTexts> | null;
    if (kept === null || !Array.isArray(kept.tabs) || kept.tabs.length === 0) return first;
    const tabs = kept.tabs as SqlTab[];
    return {
      tabs,
      active: tabs.some((tab) => tab.id === kept.active) ? kept.active! : tabs[0]!.id,
      history: kept.history ?? [],
      saved: kept.saved ?? [],
    };
  } catch {
    return first;
  }
}

export const keptTexts = new Store<KeptTexts>(read(), 0);

export function keep(change: Partial<KeptTexts>): void {
  keptTexts.set({ ...keptTexts.current, ...change });
  try {
    localStorage.setItem(storageKey, JSON.stringify(keptTexts.current));
  } catch {
    // A browser that keeps nothing still holds the texts while the page is open.
  }
}

export function openTab(name: string, text: string): void {
  const { tabs } = keptTexts.current;
  const id = Math.max(0, ...tabs.map((tab) => tab.id)) + 1;
  keep({ tabs: [...tabs, { id, name: freeName(tabs, name), text }], active: id });
}

/** The last tab cannot be closed: it is emptied. */
export function closeTab(id: number): void {
  const { tabs, active } = keptTexts.current;
  if (tabs.length === 1) {
    keep({ tabs: [{ ...tabs[0]!, text: '' }] });
    return;
  }
  const at = tabs.findIndex((tab) => tab.id === id);
  const rest = tabs.filter((tab) => tab.id !== id);
  keep({ tabs: rest, active: active === id ? rest[Math.max(0, at - 1)]!.id : active });
}

export function remember(ran: RanStatement): void {
  keep({ history: [ran, ...keptTexts.current.history].slice(0, mostHistory) });
}

export function save(name: string, text: string): void {
  const others = keptTexts.current.saved.filter((query) => query.name !== name);
  keep({ saved: [...others, { name, text }].sort((a, b) => (a.name < b.name ? -1 : 1)) });
}

function freeName(tabs: readonly SqlTab[], wished: string): string {
  const taken = new Set(tabs.map((tab) => tab.name));
  for (let count = 1; ; count++) {
    const name = count === 1 ? wished : wished.replace(/(\.sql)?$/, `-${count}.sql`);
    if (!taken.has(name)) return name;
  }
}
