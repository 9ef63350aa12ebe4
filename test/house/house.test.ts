import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { projectFiles } from './project-files.ts';
import { type Refusal, refusals } from './rule.ts';
import { rules } from './rules/index.ts';

function told(found: readonly Refusal[]): string {
  return found.map(({ path, line, why }) => `${path}:${line} ${why}`).join('\n');
}

const files = projectFiles();

test('there are files to judge in every part of the project', () => {
  for (const part of ['src/domain/', 'src/ports/', 'test/', 'scripts/']) {
    assert.ok(
      files.some(({ path }) => path.startsWith(part)),
      part,
    );
  }
});

for (const rule of rules) {
  suite(rule.promise, () => {
    test('holds in every file', () => {
      const found = files.filter(({ path }) => rule.appliesTo(path)).flatMap((file) => rule.check(file));
      if (found.length > 0) assert.fail(`\n${told(found)}`);
    });
    test('refuses each example that breaks it', () => {
      assert.ok(rule.mustFail.length > 0);
      for (const example of rule.mustFail) {
        assert.notEqual(told(refusals(rule, example)), '', `not refused: ${example.path}: ${example.source}`);
      }
    });
    test('lets each good example pass', () => {
      assert.ok(rule.mustPass.length > 0);
      for (const example of rule.mustPass) {
        assert.equal(told(refusals(rule, example)), '', `refused: ${example.path}: ${example.source}`);
      }
    });
  });
}
