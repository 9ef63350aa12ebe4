import { lineOf, type SourceFile, sourceFile } from './source-file.ts';

export interface Refusal {
  readonly path: string;
  readonly line: number;
  /** What is wrong, and the better place or way. */
  readonly why: string;
}

/** An invented file: where it would lie and what it would say. */
export interface Example {
  readonly path: string;
  readonly source: string;
}

/** Something that holds for every file, decided from that file alone. */
export interface Rule {
  /** A sentence that could be false. */
  readonly promise: string;
  appliesTo(path: string): boolean;
  check(file: SourceFile): Refusal[];
  /** Each of these must be refused; a rule that refuses nothing guards nothing. */
  readonly mustFail: readonly Example[];
  readonly mustPass: readonly Example[];
}

export function refusal(file: SourceFile, offset: number, why: string): Refusal {
  return { path: file.path, line: lineOf(file, offset), why };
}

export function refusals(rule: Rule, example: Example): Refusal[] {
  return rule.appliesTo(example.path) ? rule.check(sourceFile(example.path, example.source)) : [];
}

/** One refusal for each match of a pattern in the text. */
export function refuseMatches(file: SourceFile, pattern: RegExp, why: (match: RegExpMatchArray) => string): Refusal[] {
  return [...file.text.matchAll(pattern)].map((match) => refusal(file, match.index, why(match)));
}
