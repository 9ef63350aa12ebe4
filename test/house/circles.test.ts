import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importCircles } from './circles.ts';
import { projectFiles } from './project-files.ts';
import { isTypeScript, sourceFile } from './source-file.ts';

test('no file imports itself, directly or through others', () => {
  const files = projectFiles().filter(({ path }) => isTypeScript(path) && /^(src|web|bench|test|scripts)\//.test(path));
  const circles = importCircles(files).map((circle) => circle.join(' → '));
  assert.deepEqual(circles, [], 'break each circle: move what both need into a file of its own, below both');
});

test('a circle of two, of three, of types and through a re-export is found', () => {
  const circlesOf = (sources: Record<string, string>) =>
    importCircles(Object.entries(sources).map(([path, text]) => sourceFile(path, text)));
  assert.deepEqual(circlesOf({ 'src/a.ts': "import './b.ts';", 'src/b.ts': "import './a.ts';" }), [
    ['src/a.ts', 'src/b.ts', 'src/a.ts'],
  ]);
  assert.equal(
    circlesOf({ 'src/a.ts': "import './b.ts';", 'src/b.ts': "export * from './c.ts';", 'src/c.ts': "import './a.ts';" })
      .length,
    1,
  );
  assert.equal(
    circlesOf({
      'src/a.ts': "import type { B } from './b.ts'; export type A = B;",
      'src/b.ts': "export type B = import('./a.ts').A;",
    }).length,
    1,
  );
});

test('a diamond is no circle', () => {
  const files = {
    'src/a.ts': "import './b.ts'; import './c.ts';",
    'src/b.ts': "import './d.ts';",
    'src/c.ts': "import './d.ts';",
    'src/d.ts': 'export {};',
  };
  assert.deepEqual(importCircles(Object.entries(files).map(([path, text]) => sourceFile(path, text))), []);
});
