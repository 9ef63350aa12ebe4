import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankChoices } from './rank.ts';

const choices = ['BTCUSDT', 'ETHBTC', 'SHIBUSDT', '1m', '15m', '1M', 'Dark theme'].map((text) => ({
  text,
  detail: '',
}));
const names = (text: string): string[] => rankChoices(choices, text).map((choice) => choice.text);

test('what begins with the letters stands before what only holds them', () => {
  assert.deepEqual(names('btc').slice(0, 2), ['BTCUSDT', 'ETHBTC']);
});

test('1M written so is the month, and 1m the minute', () => {
  assert.equal(names('1M')[0], '1M');
  assert.equal(names('1m')[0], '1m');
});

test('letters in order find a symbol, and nothing is found for what is not there', () => {
  assert.ok(names('shbusd').includes('SHIBUSDT'));
  assert.deepEqual(names('qqq'), []);
});
