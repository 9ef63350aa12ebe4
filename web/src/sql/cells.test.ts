import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { thinSpace } from '../text/number-text.ts';
import { copyText, figureParts, instantText, instantUs, kindOf, sortedRows, typeText } from './cells.ts';

test('types of SQL are told apart as screens need it', () => {
  assert.equal(kindOf('BIGINT'), 'integer');
  assert.equal(kindOf('HUGEINT'), 'integer');
  assert.equal(kindOf('UINTEGER'), 'integer');
  assert.equal(kindOf('DECIMAL(38,16)'), 'decimal');
  assert.equal(kindOf('TIMESTAMP WITH TIME ZONE'), 'time');
  assert.equal(kindOf('INTERVAL'), 'other');
  assert.equal(kindOf('BIGINT[]'), 'other');
  assert.equal(typeText('TIMESTAMP WITH TIME ZONE'), 'timestamptz');
});

test('no digit of a figure is lost, however its zeros step back', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: 1, max: 16 }), (unscaled, scale) => {
      const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
      const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
      const [kept, zeros] = figureParts(text, 'decimal');
      assert.equal((kept + zeros).replaceAll(thinSpace, '').replace('\u2212', '-'), text);
    }),
  );
  assert.deepEqual(figureParts('1000.50000000', 'decimal'), [`1${thinSpace}000.5`, '0000000']);
  assert.deepEqual(figureParts('1000', 'integer'), [`1${thinSpace}000`, '']);
});

test('figures are ordered by value to the last digit, beyond what doubles tell apart', () => {
  const rows = ['9007199254740993', '9007199254740992', '-1', null, '10'].map((text) => [text]);
  assert.deepEqual(
    sortedRows(rows, 0, 'integer', false).map((at) => rows[at]![0]),
    ['-1', '10', '9007199254740992', '9007199254740993', null],
  );
  const decimals = ['0.10000001', '0.1', '-2.5', '12.0'].map((text) => [text]);
  assert.deepEqual(
    sortedRows(decimals, 0, 'decimal', true).map((at) => decimals[at]![0]),
    ['12.0', '0.10000001', '0.1', '-2.5'],
  );
});

test('equal cells keep the order in which they came', () => {
  const rows = [
    ['b', '1'],
    ['a', '2'],
    ['b', '3'],
    ['a', '4'],
  ];
  assert.deepEqual(
    sortedRows(rows, 0, 'text', false).map((at) => rows[at]![1]),
    ['2', '4', '1', '3'],
  );
});

test('instants are shown without the zeros, and are coordinates to the microsecond', () => {
  assert.equal(instantText('2026-03-18T00:01:30.000Z'), '2026-03-18 00:01:30');
  assert.equal(instantText('2026-03-18T00:01:30.250001Z'), '2026-03-18 00:01:30.250001');
  assert.equal(instantUs('2026-03-18T00:01:30.250001Z'), Date.UTC(2026, 2, 18, 0, 1, 30) * 1000 + 250_001);
  assert.equal(instantUs('2026-03-18'), Date.UTC(2026, 2, 18) * 1000);
  assert.equal(instantUs('infinity'), undefined);
});

const columns = [
  { name: 'at', type: 'VARCHAR' },
  { name: 'n', type: 'DECIMAL(38,8)' },
];

test('copied cells keep their text in every format, quotes and absent ones included', () => {
  const rows = [
    ['a "b", c', '1.50000000'],
    [null, null],
  ];
  assert.equal(copyText(columns, rows, 'csv'), 'at,n\r\n"a ""b"", c",1.50000000\r\n,');
  assert.equal(copyText(columns, [['a|b', '1']], 'markdown'), '| at | n |\n| --- | ---: |\n| a\\|b | 1 |');
  assert.equal(
    copyText(
      columns,
      [
        ["it's", '1.50'],
        [null, null],
      ],
      'values',
    ),
    "VALUES ('it''s', 1.50),\n       (NULL, NULL)",
  );
});
