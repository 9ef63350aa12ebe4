import { type Rule, refusal } from '../rule.ts';

const empty = ['util', 'utils', 'utilities', 'helper', 'helpers', 'common', 'manager', 'managers', 'misc'];

export const names: Rule = {
  promise: 'no file or folder has a name that says nothing of what it holds',
  appliesTo: () => true,
  check: (file) => {
    const words = file.path.split('/').flatMap((segment) => segment.toLowerCase().split(/[-._]/));
    const found = words.find((word) => empty.includes(word));
    return found === undefined
      ? []
      : [refusal(file, 0, `“${found}” names no concept: name the file after what it holds`)];
  },
  mustFail: [
    { path: 'src/domain/utils.ts', source: '' },
    { path: 'src/lake/helpers/a.ts', source: '' },
    { path: 'web/src/common/a.ts', source: '' },
    { path: 'src/recorder/session-manager.ts', source: '' },
    { path: 'test/support/test-helpers.ts', source: '' },
  ],
  mustPass: [
    { path: 'src/domain/decimal.ts', source: '' },
    { path: 'src/recorder/commonality.ts', source: '' },
  ],
};
