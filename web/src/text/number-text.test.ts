import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  cutDecimals,
  decimalsOf,
  differenceText,
  figureText,
  foldZeros,
  groupDigits,
  shareText,
  shortText,
  signedText,
  sumText,
  thinSpace,
  withDecimals,
} from './number-text.ts';

const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.integer({ min: 0, max: 16 }))
  .map(([unscaled, scale]) => {
    const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
    const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    return unscaled < 0n ? `-${text}` : text;
  });

/** Back from what a screen shows to the value. */
function plain(shown: string): string {
  return shown.replaceAll(thinSpace, '').replace('\u2212', '-');
}

test('a price keeps every digit that it came with, whatever the tick asks for', () => {
  fc.assert(
    fc.property(decimal, fc.integer({ min: 0, max: 10 }), (text, decimals) => {
      assert.equal(differenceText(plain(groupDigits(withDecimals(text, decimals))), text), '0');
    }),
  );
});

test('a price beyond the exact range of doubles is shown to the last digit', () => {
  assert.equal(
    figureText('90071992547409931.00000001', 2),
    `90${thinSpace}071${thinSpace}992${thinSpace}547${thinSpace}409${thinSpace}931.00000001`,
  );
});

test('the tick decides how many digits follow the point', () => {
  assert.equal(decimalsOf('0.01000000'), 2);
  assert.equal(decimalsOf('1.00000000'), 0);
  assert.equal(figureText('61622.1', decimalsOf('0.01')), `61${thinSpace}622.10`);
});

test('a row of zeros is counted, not shown, and only when it is long', () => {
  assert.equal(foldZeros('0.00000012'), '0.0₆12');
  assert.equal(foldZeros('0.00001234'), '0.00001234');
  assert.equal(foldZeros('10.00000012'), '10.00000012');
});

test('a share of ids says 100 % only when nothing is missing', () => {
  assert.equal(shareText(1_000_000, 1_000_000), '100 %');
  assert.equal(shareText(999_999, 1_000_000), '99.99 %');
  assert.equal(shareText(1, 1_000_000), '< 0.01 %');
  assert.equal(shareText(0, 10), '0.00 %');
  assert.equal(shareText(0, 0), '–');
});

test('sums of decimal texts are exact where doubles are not', () => {
  assert.equal(sumText(['0.1', '0.2']), '0.3');
  assert.equal(sumText(['9007199254740993', '0.00000001']), '9007199254740993.00000001');
  assert.equal(differenceText('0.3', '0.1'), '0.2');
  assert.equal(differenceText('1', '2.5'), '-1.5');
});

test('zero change carries no sign, so that it reads as neutral', () => {
  assert.equal(signedText(0, 2), '0.00');
  assert.equal(signedText(-0.001, 2), '0.00');
  assert.equal(signedText(1.5, 2), '+1.50');
  assert.equal(signedText(-1.5, 2), '\u22121.50');
});

test('short volumes keep their unit and cut sums are cut, never rounded up', () => {
  assert.equal(shortText(470_123), `470.1${thinSpace}k`);
  assert.equal(shortText(27_560_000_000), `27.56${thinSpace}B`);
  assert.equal(cutDecimals('0.99999', 3), '0.999');
  assert.equal(cutDecimals('12', 3), '12');
});
