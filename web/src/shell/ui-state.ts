import { Store } from '../live/store.ts';

export type Sheet = 'chart' | 'book' | 'tape';

/** What is open on top of the page. */
export interface Ui {
  readonly sheet: Sheet;
  readonly palette: string | undefined;
  readonly help: boolean;
}

export const ui = new Store<Ui>({ sheet: 'chart', palette: undefined, help: false }, 0);

export function setUi(next: Partial<Ui>): void {
  ui.set({ ...ui.current, ...next });
}
