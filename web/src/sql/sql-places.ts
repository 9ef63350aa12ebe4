/** Where the server says that a statement is wrong: `(line 3, column 12)`; as a place in its text. */
export function faultPosition(detail: string, sql: string): number | undefined {
  const match = /\(line (\d+), column (\d+)\)/.exec(detail);
  if (match === null) return undefined;
  const lines = sql.split('\n');
  const line = Number(match[1]) - 1;
  if (line >= lines.length) return undefined;
  const before = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
  return Math.min(sql.length, before + Number(match[2]) - 1);
}

/** The word that begins at a place, or the letter there. */
export function wordAt(sql: string, position: number): { readonly from: number; readonly to: number } {
  const match = /^(?:"[^"]*"|'[^']*'|[\p{L}\p{N}_$]+)/u.exec(sql.slice(position));
  if (match !== null) return { from: position, to: position + match[0].length };
  // At the end of a text there is nothing to underline but the letter before.
  return position >= sql.length
    ? { from: Math.max(0, sql.length - 1), to: sql.length }
    : { from: position, to: position + 1 };
}

/** The words that the server puts in place of a misspelt one. */
export function meantWord(detail: string): string | undefined {
  return /did you mean "([^"]+)"\?/.exec(detail)?.[1];
}
