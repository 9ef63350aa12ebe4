import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncWatch } from './sync-watch.ts';

test('what is shown waits until its id is synced, and the wait is that of the oldest', () => {
  const watch = new SyncWatch();
  assert.equal(watch.sinceMs, undefined);
  watch.shown(10, 100);
  watch.shown(12, 300);
  assert.equal(watch.sinceMs, 100);
  watch.synced(10);
  assert.equal(watch.sinceMs, 300);
  watch.synced(12);
  assert.equal(watch.sinceMs, undefined);
});

test('a confirmation that came before the trades, or out of order, still counts', () => {
  const watch = new SyncWatch();
  watch.synced(20);
  watch.shown(15, 100);
  assert.equal(watch.sinceMs, undefined);
  watch.shown(21, 200);
  watch.synced(5);
  assert.equal(watch.sinceMs, 200);
  assert.equal(watch.throughTradeId, 20);
});

test('a server that confirms nothing fills no memory and hides no wait', () => {
  const watch = new SyncWatch();
  for (let id = 1; id <= 100_000; id++) watch.shown(id, id);
  assert.equal(watch.sinceMs, 1);
  watch.synced(99_999);
  assert.ok(watch.sinceMs !== undefined, 'the newest trade is not confirmed');
  watch.synced(100_000);
  assert.equal(watch.sinceMs, undefined);
});

test('after a fetch of fresh state nothing is said of what was shown before', () => {
  const watch = new SyncWatch();
  watch.shown(10, 100);
  watch.forget();
  assert.equal(watch.sinceMs, undefined);
});
