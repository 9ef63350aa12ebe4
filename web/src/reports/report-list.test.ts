import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReportRow } from '../../../src/protocol/reports.ts';
import { filesOf, listedReports, rangeText } from './report-list.ts';

const dayUs = 86_400e6;
const startUs = Date.UTC(2026, 2, 18) * 1000;

function report(id: string, change: Partial<ReportRow>): ReportRow {
  return {
    id,
    kind: 'daily',
    subject: 'market',
    title: id,
    fromUs: startUs,
    toUs: startUs + dayUs,
    madeAtUs: startUs + 2 * dayUs,
    catalogVersion: 1,
    heldIds: 1,
    expectedIds: 1,
    dataKind: 'live',
    state: 'final',
    contentHash: '',
    pdfAbsence: null,
    sentAtUs: null,
    files: [],
    isSuperseded: false,
    ...change,
  };
}

test('the newest range stands first, and of one range its newest version', () => {
  const reports = [
    report('old', { fromUs: startUs - dayUs, toUs: startUs }),
    report('first', { catalogVersion: 4, isSuperseded: true }),
    report('second', { catalogVersion: 9 }),
  ];
  const all = { kind: undefined, subject: undefined, withSuperseded: true };
  assert.deepEqual(
    listedReports(reports, all).map(({ id }) => id),
    ['second', 'first', 'old'],
  );
  assert.deepEqual(
    listedReports(reports, { ...all, withSuperseded: false }).map(({ id }) => id),
    ['second', 'old'],
  );
});

test('a range that ends at midnight names its last day, not the one after', () => {
  assert.equal(rangeText(startUs, startUs + dayUs), '2026-03-18');
  assert.equal(rangeText(startUs, startUs + 7 * dayUs), '2026-03-18 – 2026-03-24');
  assert.equal(rangeText(startUs + 60e6, startUs + 3600e6), '2026-03-18 00:01 – 2026-03-18 01:00');
});

test('the page is what opens, every other file is there to download', () => {
  const file = (name: string) => ({ name, bytes: 1, sha256: '' });
  const { page, pdf, data } = filesOf(
    report('x', { files: [file('candles.csv'), file('report.html'), file('report.pdf')] }),
  );
  assert.equal(page?.name, 'report.html');
  assert.equal(pdf?.name, 'report.pdf');
  assert.deepEqual(
    data.map(({ name }) => name),
    ['candles.csv'],
  );
});
