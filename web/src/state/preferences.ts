import { Store } from '../live/store.ts';

export type Theme = 'system' | 'dark' | 'light' | 'contrast';
export type Direction = 'safe' | 'teal-red' | 'red-up';

export interface Preferences {
  readonly theme: Theme;
  readonly direction: Direction;
}

const storageKey = 'tidemark.preferences';
const systemLight = matchMedia('(prefers-color-scheme: light)');

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Partial<Preferences>;
    return { theme: kept.theme ?? 'system', direction: kept.direction ?? 'safe' };
  } catch {
    return { theme: 'system', direction: 'safe' };
  }
}

export const preferences = new Store<Preferences>(read(), 0);
/** Counts changes of what the tokens say; canvas layers read them again when it moves. */
export const themeRevision = new Store(0, 0);

function apply(): void {
  const { theme, direction } = preferences.current;
  const root = document.documentElement;
  root.dataset['theme'] = theme === 'system' ? (systemLight.matches ? 'light' : 'dark') : theme;
  root.dataset['direction'] = direction;
  themeRevision.set(themeRevision.current + 1);
}

export function setPreferences(next: Partial<Preferences>): void {
  preferences.set({ ...preferences.current, ...next });
  try {
    localStorage.setItem(storageKey, JSON.stringify(preferences.current));
  } catch {
    // A browser that keeps nothing still shows what was chosen.
  }
  apply();
}

systemLight.addEventListener('change', apply);
apply();
