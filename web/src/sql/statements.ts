/** One statement of a text: where it begins and ends, without the blanks around it and its semicolon. */
export interface Statement {
  readonly from: number;
  readonly to: number;
}

interface Token {
  readonly kind: 'blank' | 'comment' | 'text' | 'name' | 'parameter' | 'semicolon' | 'other';
  readonly from: number;
  readonly to: number;
}

const word = /[\p{L}\p{N}_$]/u;

/** Cuts SQL just finely enough to know what is code, and what only looks like it inside quotes and comments. */
function* tokens(sql: string): Generator<Token> {
  let at = 0;
  while (at < sql.length) {
    const from = at;
    const character = sql[at]!;
    let kind: Token['kind'] = 'other';
    if (/\s/.test(character)) {
      kind = 'blank';
      while (at < sql.length && /\s/.test(sql[at]!)) at++;
    } else if (sql.startsWith('--', at)) {
      kind = 'comment';
      const end = sql.indexOf('\n', at);
      at = end < 0 ? sql.length : end;
    } else if (sql.startsWith('/*', at)) {
      kind = 'comment';
      at = endOfComment(sql, at);
    } else if (character === "'" || character === '"') {
      kind = character === "'" ? 'text' : 'name';
      at = endOfQuote(sql, at, character);
    } else if (character === '$' && /^\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.test(sql.slice(at, at + 70))) {
      kind = 'text';
      const tag = /^\$[^$]*\$/.exec(sql.slice(at))![0];
      const end = sql.indexOf(tag, at + tag.length);
      at = end < 0 ? sql.length : end + tag.length;
    } else if (character === ';') {
      kind = 'semicolon';
      at++;
    } else if (character === ':' && sql[at + 1] === ':') {
      at += 2;
    } else if (character === ':' && /[\p{L}_]/u.test(sql[at + 1] ?? '')) {
      kind = 'parameter';
      at++;
      while (at < sql.length && word.test(sql[at]!)) at++;
    } else if (word.test(character)) {
      kind = 'name';
      while (at < sql.length && word.test(sql[at]!)) at++;
    } else at++;
    yield { kind, from, to: at };
  }
}

function endOfComment(sql: string, from: number): number {
  let depth = 0;
  for (let at = from; at < sql.length; at++) {
    if (sql.startsWith('/*', at)) {
      depth++;
      at++;
    } else if (sql.startsWith('*/', at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}

function endOfQuote(sql: string, from: number, quote: string): number {
  for (let at = from + 1; at < sql.length; at++) {
    if (sql[at] !== quote) continue;
    if (sql[at + 1] !== quote) return at + 1;
    at++;
  }
  return sql.length;
}

/** Statements of a text in order; what holds only blanks and comments is none. */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let from: number | undefined;
  let to = 0;
  let hasCode = false;
  const end = (): void => {
    if (from !== undefined && hasCode) statements.push({ from, to });
    from = undefined;
    hasCode = false;
  };
  for (const token of tokens(sql)) {
    if (token.kind === 'semicolon') end();
    else if (token.kind !== 'blank') {
      from ??= token.from;
      // A comment behind the last word is no part of the statement.
      if (token.kind !== 'comment') {
        hasCode = true;
        to = token.to;
      }
    }
  }
  end();
  return statements;
}

/** The statement that the cursor stands in or behind; before the first one, the first. */
export function statementAt(sql: string, position: number): Statement | undefined {
  const statements = splitStatements(sql);
  return statements.findLast((statement) => statement.from <= position) ?? statements[0];
}

/** Parameters that a text names, each once, without the colon. */
export function parametersOf(sql: string): string[] {
  const names = new Set<string>();
  for (const token of tokens(sql)) if (token.kind === 'parameter') names.add(sql.slice(token.from + 1, token.to));
  return [...names];
}

/** Words of a text outside of quotes and comments, as SQL compares them. */
export function wordsOf(sql: string): Set<string> {
  const words = new Set<string>();
  for (const token of tokens(sql))
    if (token.kind === 'name') words.add(sql.slice(token.from, token.to).replaceAll('"', '').toLowerCase());
  return words;
}

export interface Filled {
  readonly sql: string;
  /** Where a place of the filled text lies in the text before. */
  readonly back: (position: number) => number;
}

/** Puts SQL literals in the places of parameters. A name without a value stays, and the server will say so. */
export function fillParameters(sql: string, literals: Readonly<Record<string, string>>): Filled {
  const pieces: { readonly filled: number; readonly original: number; readonly isValue: boolean }[] = [];
  let filled = '';
  for (const token of tokens(sql)) {
    const name = token.kind === 'parameter' ? sql.slice(token.from + 1, token.to) : undefined;
    const literal = name !== undefined && Object.hasOwn(literals, name) ? literals[name] : undefined;
    pieces.push({ filled: filled.length, original: token.from, isValue: literal !== undefined });
    filled += literal ?? sql.slice(token.from, token.to);
  }
  return {
    sql: filled,
    back: (position) => {
      const piece = pieces.findLast((one) => one.filled <= position);
      if (piece === undefined) return 0;
      return Math.min(sql.length, piece.isValue ? piece.original : piece.original + position - piece.filled);
    },
  };
}

/** A text as an SQL literal. */
export function textLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** An instant as an SQL literal. */
export function instantLiteral(atUs: number): string {
  const fraction = String(Math.floor(atUs) % 1_000_000).padStart(6, '0');
  return `TIMESTAMPTZ '${new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 19).replace('T', ' ')}.${fraction}Z'`;
}
