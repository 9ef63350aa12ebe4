import { type Rule, refusal } from '../rule.ts';
import { isNode, isTest, isTypeScript, type Node, walk } from '../source-file.ts';

/** Text of a string or template; what a template fills in stands as `_`. */
function literalText(node: Node): string | undefined {
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value'];
  if (node.type !== 'TemplateLiteral') return undefined;
  const parts = (node['quasis'] as Node[]).map((quasi) => {
    const value = quasi['value'] as { cooked?: string; raw: string };
    return value.cooked ?? value.raw;
  });
  return parts.join('_');
}

const isSql = (text: string): boolean => /\b(SELECT|COPY|DECIMAL)\b/.test(text);

/** SQL without its quoted texts, quoted names and comments. */
function bareSql(text: string): string {
  return text.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
}

/**
 * Divisions whose left side is not in plain sight a DOUBLE. `//` of integers is exact, of decimals it is a DOUBLE too.
 * `SELECT/EXPLAIN` between two keywords is prose.
 */
function divisions(sql: string): string[] {
  return [...sql.matchAll(/(\S[^\n/]{0,40}?)?\s*(\/{1,2})\s*(\S{0,12})/g)]
    .filter(([, left = '']) => !/::\s*DOUBLE\s*\)?$/i.test(left) && !/\bAS\s+DOUBLE\s*\)$/i.test(left))
    .filter(([, left = '', sign]) => sign === '/' || /DECIMAL|price|quantity|quote|notional|volume/i.test(left))
    .filter(([, left = '', , right = '']) => !(/[A-Z]{3,}$/.test(left) && /^[A-Z]{3,}/.test(right)))
    .map(([whole]) => whole.trim());
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the examples are source text
export const sqlDivision: Rule = {
  promise: 'no SQL of ours divides decimals: DuckDB would answer with a DOUBLE and be wrong near 2^53',
  appliesTo: (path) => isTypeScript(path) && /^(src|bench|scripts)\//.test(path) && !isTest(path),
  check: (file) => {
    const program = file.program();
    if (program === undefined) return [];
    return [...walk(program)].flatMap((node) => {
      const text = isNode(node) ? literalText(node) : undefined;
      if (text === undefined || !isSql(text)) return [];
      return divisions(bareSql(text)).map((division) =>
        refusal(
          file,
          node.start,
          `SQL divides (${division}): multiply by an exact decimal literal, or cast the left side ::DOUBLE if it is a statistic`,
        ),
      );
    });
  },
  mustFail: [
    { path: 'src/lake/a.ts', source: "export const q = 'SELECT p::BIGINT::DECIMAL(38,0) / 100000000 FROM t';" },
    { path: 'src/lake/a.ts', source: 'export const q = (s: number) => `SELECT p / ${s} FROM t`;' },
    { path: 'src/lake/a.ts', source: "export const q = (f: string) => `COPY (SELECT a/b FROM t) TO '${f}'`;" },
    { path: 'src/lake/a.ts', source: "export const column = '(p / 100)::DECIMAL(38,8)';" },
    {
      path: 'src/lake/a.ts',
      source: "export const q = 'SELECT sum(price * quantity) / sum(quantity) AS vwap FROM trades';",
    },
    { path: 'bench/a.ts', source: "export const q = 'SELECT price // 100 FROM t';" },
  ],
  mustPass: [
    { path: 'src/lake/a.ts', source: "export const q = 'SELECT p::DECIMAL(18,0) * 0.01::DECIMAL(3,2) FROM t';" },
    {
      path: 'src/lake/a.ts',
      source: "export const q = (d: string) => `COPY t TO '${d}/a/b.parquet' (FORMAT parquet)`;",
    },
    { path: 'src/lake/a.ts', source: "export const q = 'SELECT a -- price/quantity\\nFROM t /* a/b */';" },
    { path: 'src/lake/a.ts', source: "export const q = 'SELECT ln(price)::DOUBLE / 2 FROM t';" },
    { path: 'src/lake/a.ts', source: "export const q = 'SELECT CAST(a AS DOUBLE) / 2 FROM t';" },
    { path: 'src/lake/a.ts', source: "export const message = 'only one SELECT/EXPLAIN statement is answered';" },
    { path: 'src/lake/a.ts', source: "export const q = 'SELECT count(*) // 2 FROM t';" },
    { path: 'src/lake/a.test.ts', source: "export const q = 'SELECT a/b FROM t';" },
    { path: 'src/lake/a.ts', source: "export const path = 'a/b/c'; export const half = 4 / 2;" },
  ],
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the examples are source text
