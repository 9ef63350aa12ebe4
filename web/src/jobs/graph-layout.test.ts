import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layoutGraph } from './graph-layout.ts';

/** Any jobs, each after some of those before it, given in any order. */
const anyJobs = fc
  .array(fc.array(fc.nat(60), { maxLength: 4 }), { maxLength: 50 })
  .map((lists) =>
    lists.map((list, at) => ({
      name: `job-${at}`,
      after: list.filter((other) => other < at).map((other) => `job-${other}`),
    })),
  )
  .chain((jobs) => fc.shuffledSubarray(jobs, { minLength: jobs.length, maxLength: jobs.length }));

test('every job has a place of its own, right of all that it comes after', () => {
  fc.assert(
    fc.property(anyJobs, (jobs) => {
      const { nodes, columns, rows } = layoutGraph(jobs);
      assert.equal(nodes.length, jobs.length);
      assert.equal(new Set(nodes.map(({ column, row }) => `${column} ${row}`)).size, jobs.length);
      const columnOf = new Map(nodes.map((node) => [node.name, node.column]));
      for (const job of jobs)
        for (const earlier of job.after) assert.ok(columnOf.get(earlier)! < columnOf.get(job.name)!);
      for (const node of nodes)
        assert.ok(node.column >= 0 && node.column < columns && node.row >= 0 && node.row < rows);
    }),
  );
});

test('arrows say the whole order and none of it twice', () => {
  fc.assert(
    fc.property(anyJobs, (jobs) => {
      const { edges } = layoutGraph(jobs);
      const before = new Map<string, Set<string>>(jobs.map((job) => [job.name, new Set()]));
      const order = [...edges].sort((a, b) => a.from.column - b.from.column);
      for (let pass = 0; pass < jobs.length; pass++) {
        let grew = false;
        for (const { from, to } of order)
          for (const name of [from.name, ...before.get(from.name)!])
            if (!before.get(to.name)!.has(name)) {
              before.get(to.name)!.add(name);
              grew = true;
            }
        if (!grew) break;
      }
      for (const job of jobs) for (const earlier of job.after) assert.ok(before.get(job.name)!.has(earlier));
      assert.equal(new Set(edges.map(({ from, to }) => `${from.name} ${to.name}`)).size, edges.length);
    }),
  );
});

test('an arrow that two others already say is left out', () => {
  const { edges } = layoutGraph([
    { name: 'a', after: [] },
    { name: 'b', after: ['a'] },
    { name: 'c', after: ['a', 'b'] },
  ]);
  assert.deepEqual(edges.map(({ from, to }) => `${from.name} → ${to.name}`).sort(), ['a → b', 'b → c']);
});

test('a chain lies in one row, and a name that is not among the jobs is no arrow', () => {
  const { nodes, edges } = layoutGraph([
    { name: 'one', after: ['elsewhere'] },
    { name: 'two', after: ['one'] },
    { name: 'three', after: ['two'] },
  ]);
  assert.deepEqual(
    nodes.map(({ name, column, row }) => [name, column, row]),
    [
      ['one', 0, 0],
      ['two', 1, 0],
      ['three', 2, 0],
    ],
  );
  assert.equal(edges.length, 2);
});

test('jobs that come after each other in a circle are still drawn', () => {
  const { nodes } = layoutGraph([
    { name: 'a', after: ['b'] },
    { name: 'b', after: ['a'] },
  ]);
  assert.equal(nodes.length, 2);
});
