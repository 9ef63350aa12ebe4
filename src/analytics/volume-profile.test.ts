import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { profileStep, valueArea } from './volume-profile.ts';

test('the step is the smallest nice multiple of the tick with few enough bins', () => {
  assert.equal(profileStep(3_538_800n, 3_984_500n, 10n, 100), 5_000n);
  assert.equal(profileStep(100n, 100n, 1n, 60), 1n);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.bigInt({ min: 0n, max: 10n ** 12n }), (low, span) => {
      const step = profileStep(low, low + span, 1n, 60);
      assert.ok((low + span) / step - low / step < 60n);
    }),
  );
});

test('the value area holds its share of the volume, around the peak, and no smaller run at its edges does', () => {
  const volumes = fc.array(fc.bigInt({ min: 0n, max: 1000n }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(volumes, (given) => {
      const bins = given.map((volume, at) => ({ index: BigInt(at), volume, takerBuyVolume: 0n }));
      const total = given.reduce((a, b) => a + b, 0n);
      const area = valueArea(bins);
      if (total === 0n) return assert.equal(area, undefined);
      assert.ok(area !== undefined);
      assert.ok(bins.every(({ volume }) => volume <= area.peak.volume));
      const inside = bins.filter(({ index }) => index >= area.lowest.index && index <= area.highest.index);
      const held = inside.reduce((sum, bin) => sum + bin.volume, 0n);
      assert.ok(held * 100n >= total * 70n);
      if (inside.length > 1) {
        const edge = [area.lowest, area.highest].filter((bin) => bin.index !== area.peak.index);
        assert.ok(edge.some((bin) => (held - bin.volume) * 100n < total * 70n));
      }
    }),
  );
});
