import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseOlderLake } from './restored-folder.ts';

test('a bucket is not taken over where a journal there begins later than the lake may', () => {
  refuseOlderLake([{ firstSegment: 1 }, { firstSegment: undefined }]);
  assert.throws(() => refuseOlderLake([{ firstSegment: 1 }, { firstSegment: 4 }]), { code: 'lake-older' });
});
