import { type Rule, refuseMatches } from '../rule.ts';

// Written apart so that this file does not refuse itself.
const join = (...parts: string[]): string => parts.join('');
const homes = [
  join('/ro', 'ot/'),
  join('/wo', 'rk/'),
  join('/ho', 'me/(?!me/)[a-z]'),
  join('/Us', 'ers/(?!me/)[A-Za-z]'),
  join('[A-Z]:\\\\Us', 'ers\\\\(?!\\\\?me)'),
];
const machinePattern = new RegExp(`(?<![\\w.*/-])(?:${homes.join('|')})`, 'g');
const registryPattern = new RegExp(
  join('reg', 'istry\\.npmjs|npm', 'mirror|arti', 'factory|verd', 'accio|"reso', 'lved"\\s*:\\s*"https?:'),
  'g',
);
const outsidePattern = new RegExp(
  join('\\biss', 'ue\\s+#?\\d+|\\bsha', 'red/(?:design|reference)|\\btool', 'chain\\.md'),
  'gi',
);

export const ownWords: Rule = {
  promise: 'the project speaks of itself alone: no path of one machine, no registry, no paper that is not in it',
  appliesTo: () => true,
  check: (file) => [
    ...refuseMatches(
      file,
      machinePattern,
      ([found]) => `names a path of one machine (${found}…): derive it from the file's own place`,
    ),
    ...refuseMatches(
      file,
      registryPattern,
      ([found]) => `names a registry (${found}): the user's own npm decides that`,
    ),
    ...refuseMatches(
      file,
      outsidePattern,
      ([found]) => `refers to something outside the project (${found}): say it here`,
    ),
  ],
  mustFail: [
    { path: 'src/a/a.ts', source: `export const folder = '${join('/ho', 'me/ada/tidemark')}';` },
    { path: 'docs/a.md', source: join('cd /wo', 'rk/main') },
    { path: 'scripts/a.sh', source: join('cp a /ro', 'ot/b') },
    { path: 'docs/a.md', source: join('C:\\Us', 'ers\\ada') },
    { path: '.npmrc', source: join('reg', 'istry=https://reg', 'istry.npmjs.org') },
    { path: 'package-lock.json', source: join('{"reso', 'lved": "https://example.org/a.tgz"}') },
    { path: 'README.md', source: join('as iss', 'ue 12 asks') },
    { path: 'src/a/a.ts', source: join('// see ../sha', 'red/design.md') },
  ],
  mustPass: [
    { path: 'src/a/a.ts', source: "export const path = '/api/v1/live'; const homework = 1;" },
    { path: 'docs/a.md', source: 'The recordings lie in ../shared/data; an issue names what is wrong. /tmp is fine.' },
    { path: 'docs/a.md', source: join('example.com/ho', 'me/page') },
  ],
};
