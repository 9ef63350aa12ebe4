/** What DuckDB says of a statement when its setting `errors_as_json` is on. */
interface JsonFault {
  readonly exception_type?: string;
  readonly exception_message?: string;
  readonly candidates?: string;
  readonly position?: string | number;
}

export interface SqlFault {
  /** DuckDB's word: `Parser`, `Binder`, `Out of Memory`; empty when it gave none. */
  readonly kind: string;
  /** One sentence: what is wrong, what was probably meant, and where. */
  readonly text: string;
}

/** `(line 3, column 12)` of a place in a text, counted in bytes as DuckDB does; empty when it is not in the text. */
export function placeText(sql: string, position: number): string {
  const bytes = Buffer.from(sql);
  if (!Number.isSafeInteger(position) || position < 0 || position > bytes.length) return '';
  const lines = bytes.subarray(0, position).toString().split('\n');
  return ` (line ${lines.length}, column ${lines.at(-1)!.length + 1})`;
}

/** Reads a message; `run` is the text that ran, where it differs from what was written in its head alone. */
export function readSqlFault(message: string, written: string, run = written): SqlFault {
  const from = message.indexOf('{"exception_type"');
  let fault: JsonFault;
  try {
    fault = JSON.parse(message.slice(from)) as JsonFault;
  } catch {
    return { kind: '', text: message.trim() };
  }
  const candidate = fault.candidates?.split(',')[0];
  // DuckDB's own lines about candidates say the same once more.
  const lines = (fault.exception_message ?? '').split('\n');
  const told = lines.filter((line) => candidate === undefined || !/^(Candidate|Did you mean)/.test(line));
  const meant = candidate === undefined ? '' : `; did you mean "${candidate}"?`;
  const sentence = told.join(' ').trim().replace(/!$/, '');
  const shift = Buffer.byteLength(written) - Buffer.byteLength(run);
  const place = fault.position === undefined ? '' : placeText(written, Number(fault.position) + shift);
  return { kind: fault.exception_type ?? '', text: `${sentence}${meant}${place}` };
}
