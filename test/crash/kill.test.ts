import { test } from 'node:test';
import { killAndCompare } from './kill-and-compare.ts';
import { Storm } from './storm.ts';

test('recorder and engine killed 32 times: what the venue made is held once, or lies in a declared gap', async (t) => {
  const storm = await Storm.begin(20240817);
  t.after(() => storm.end());
  await killAndCompare(t, storm, { kills: 32, healMs: 60_000 });
});
