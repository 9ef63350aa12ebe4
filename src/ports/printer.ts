/** Paper from a page that stands alone. */
export interface Printer {
  /** Why nothing can be printed here, in a sentence; undefined where it can. */
  readonly absence: string | undefined;
  /** The page as PDF. Fails with `print-failed`; what it started is ended and what it wrote is gone, also when aborted. */
  print(html: string, signal?: AbortSignal): Promise<Uint8Array>;
}
