import { type Refusal, type Rule, refusal } from '../rule.ts';
import { isNode, isTest, walk } from '../source-file.ts';

const hex = /(?:^|[\s(:,='"[])#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})(?![\w-])/i;
const colourFunction = /\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\(\s*[\d.]/i;
const paletteClass =
  /\b(?:bg|text|border|fill|stroke|ring|outline|from|via|to|accent|caret|divide)-(?:red|green|blue|slate|gray|zinc|neutral|stone|amber|yellow|orange|lime|emerald|teal|cyan|sky|indigo|violet|purple|fuchsia|pink|rose)-\d{2,3}\b/;

const why = (found: string): string => `writes the colour ${found.trim()}: name a token of tokens.css instead`;

function colourIn(text: string): string | undefined {
  return (hex.exec(text) ?? colourFunction.exec(text) ?? paletteClass.exec(text))?.[0];
}

function checkCss(file: Parameters<Rule['check']>[0]): Refusal[] {
  const text = file.text.replace(/\/\*[\s\S]*?\*\//g, (comment) => ' '.repeat(comment.length));
  // Only what stands after a colon: `#abc {` is a selector.
  return [...text.matchAll(/:[^;{}]*/g)].flatMap((match) => {
    const found = colourIn(match[0]);
    return found === undefined ? [] : [refusal(file, match.index, why(found))];
  });
}

function checkScript(file: Parameters<Rule['check']>[0]): Refusal[] {
  const program = file.program();
  if (program === undefined) return [];
  return [...walk(program)].flatMap((node) => {
    const raw = node.type === 'TemplateElement' ? node['value'] : undefined;
    const text = isNode(raw) ? undefined : ((raw as { raw?: string } | undefined)?.raw ?? node['value']);
    if (typeof text !== 'string' || !/^(Literal|TemplateElement|JSXText)$/.test(node.type)) return [];
    const found = node.type === 'JSXText' ? undefined : colourIn(text);
    return found === undefined ? [] : [refusal(file, node.start, why(found))];
  });
}

export const colours: Rule = {
  promise: 'the dashboard takes every colour from tokens.css',
  appliesTo: (path) =>
    path.startsWith('web/') && /\.(css|tsx?)$/.test(path) && !/(^|\/)tokens\.css$/.test(path) && !isTest(path),
  check: (file) => (file.path.endsWith('.css') ? checkCss(file) : checkScript(file)),
  mustFail: [
    { path: 'web/src/a.css', source: '.up { color: #0a0; }' },
    { path: 'web/src/a.css', source: '.up { border: 1px solid rgb(10 20 30 / 50%); }' },
    { path: 'web/src/a.css', source: '.up { color: oklch(0.7 0.1 200); }' },
    { path: 'web/src/a.tsx', source: "export const A = () => <i style={{ color: '#ff8800' }} />;" },
    { path: 'web/src/a.ts', source: "export const line = { color: 'rgba(1, 2, 3, 0.5)' };" },
    { path: 'web/src/a.tsx', source: 'export const A = () => <i className="text-red-500" />;' },
    { path: 'web/src/a.tsx', source: 'export const A = () => <i className="bg-[#123456]" />;' },
  ],
  mustPass: [
    { path: 'web/src/tokens.css', source: ':root { --up: #0a0; }' },
    { path: 'web/src/a.css', source: '#add { color: var(--up); } /* was #0a0 */' },
    { path: 'web/src/a.tsx', source: 'export const A = () => <a href="#chart" className="text-up">1</a>;' },
    { path: 'web/src/a.ts', source: "export const key = 'a/#/b'; export const root = '#root';" },
    { path: 'web/src/a.test.ts', source: "export const c = '#fff';" },
  ],
};
