import { type Rule, refuseMatches } from '../rule.ts';
import { isTypeScript } from '../source-file.ts';

// Written apart so that this file does not refuse itself.
const words = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['XX', 'X'],
  ['HA', 'CK'],
].map((parts) => parts.join(''));
const phrases = [
  ['not', 'implemented'],
  ['not', 'yet implemented'],
  ['coming', 'soon'],
  ['lorem', 'ipsum'],
].map((parts) => parts.join(' '));
const st = ['st', 'ub'].join('');

const unfinishedPattern = new RegExp(`\\b(${words.join('|')})\\b|\\b(?:${phrases.join('|')})\\b`, 'g');
const emptyPattern = new RegExp(`\\b${st}(s|bed)?\\b`, 'gi');
const heldBack = /\b(?:test|suite|it|describe)\.(?:only|todo)\(|\b(?:only|todo):\s*(?:true\b|['"`])/g;

export const unfinished: Rule = {
  promise: 'nothing in the tree says that it is unfinished',
  appliesTo: (path) =>
    (isTypeScript(path) || /\.(mjs|css|html|sql|ya?ml|sh)$/.test(path)) && !path.startsWith('test/house/'),
  check: (file) => [
    ...refuseMatches(file, unfinishedPattern, ([word]) => `says “${word}”: finish it, or leave it out`),
    ...(/\.test\.tsx?$/.test(file.path)
      ? refuseMatches(file, heldBack, ([code]) => `“${code}” keeps tests from running: remove it`)
      : refuseMatches(file, emptyPattern, ([word]) => `says “${word}”: build the thing itself`)),
  ],
  mustFail: [
    { path: 'src/a/a.ts', source: `// ${words[0]}: later` },
    { path: 'web/src/a.css', source: `/* ${words[1]} */` },
    { path: 'src/a/a.ts', source: `throw new Error('${phrases[0]}');` },
    { path: 'src/a/a.ts', source: `// a ${st} for now` },
    { path: 'src/a/a.test.ts', source: "test.only('x', () => {});" },
    { path: 'src/a/a.test.ts', source: "test('x', { todo: true }, () => {});" },
  ],
  mustPass: [
    { path: 'src/a/a.ts', source: '// A stubborn connection is closed after ten tries.' },
    { path: 'src/a/a.test.ts', source: "test('x', { skip: 'no server here' }, () => {});" },
  ],
};
