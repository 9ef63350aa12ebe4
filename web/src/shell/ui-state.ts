import { Store } from '../live/store.ts';

export type Sheet = 'chart' | 'book' | 'tape';

/** What is open on top of the page. */
export interface Ui {
  readonly sheet: Sheet;
  readonly palette: string | undefined;
  readonly help: boolean;
  /** The chart that was looked at last, to come back to. */
  readonly lastChart: { readonly instrument: string; readonly search: Readonly<Record<string, unknown>> } | undefined;
  /** What of it was in view. */
  readonly lastView: { readonly fromUs: number; readonly toUs: number } | undefined;
}

export const ui = new Store<Ui>(
  { sheet: 'chart', palette: undefined, help: false, lastChart: undefined, lastView: undefined },
  0,
);

export function setUi(next: Partial<Ui>): void {
  ui.set({ ...ui.current, ...next });
}
