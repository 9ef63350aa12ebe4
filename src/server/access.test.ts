import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Access,
  hostAllowed,
  isLoopbackAddress,
  isLoopbackName,
  originAllowed,
  refuseRequest,
  refuseUpgrade,
} from './access.ts';

const local: Access = { boundHost: '127.0.0.1', port: 8790, allowedHosts: [], remote: false };
const remote: Access = {
  boundHost: '0.0.0.0',
  port: 8790,
  allowedHosts: ['tide.example', 'other.example:9000'],
  remote: true,
};

test('a loopback server answers to its own names and port alone', () => {
  for (const host of ['localhost:8790', 'LOCALHOST:8790', '127.0.0.1:8790', '127.8.8.8:8790', '[::1]:8790']) {
    assert.equal(hostAllowed(local, host), true, host);
  }
  for (const host of [
    undefined,
    '',
    'localhost',
    '127.0.0.1',
    'localhost:8791',
    'evil.example:8790',
    'localhost.evil.example:8790',
    '127.0.0.1.evil.example:8790',
    'evil.example',
    '192.168.1.2:8790',
    '[::2]:8790',
    'localhost:8790@evil.example',
    'localhost:8790/x',
    'localhost:99999',
    'localhost:8790, evil.example',
    '127.evil.example:8790',
    'a b:8790',
    '[localhost]:8790',
  ]) {
    // biome-ignore format: a table
    assert.equal(hostAllowed(local, host), false, String(host));
  }
});

test('a remote server answers to addresses in digits and to listed names, not to others', () => {
  for (const host of ['192.168.1.2:8790', '[fe80::1]:8790', 'tide.example', 'tide.example:443', 'other.example:9000']) {
    assert.equal(hostAllowed(remote, host), true, host);
  }
  for (const host of ['evil.example:8790', 'other.example', 'other.example:9001', 'x.tide.example', '192.168.1.2:80']) {
    assert.equal(hostAllowed(remote, host), false, host);
  }
});

const hostileOrigins = [
  'null', '', 'http://evil.example', 'https://localhost:8790', 'http://localhost', 'http://localhost:8791',
  'http://localhost:8790.evil.example', 'http://localhost.evil.example:8790', 'http://evil.example:8790', 'ws://localhost:8790',
  'file://', 'http://localhost:8790/', 'http://user@localhost:8790', 'http://127.0.0.1:8790#x', 'chrome-extension://abcdef',
  'http://tide.example.evil', 'http://192.168.1.2:8790',
]; // biome-ignore format: a table

test('a page of another site, port or scheme is not let in', () => {
  for (const origin of hostileOrigins) {
    assert.equal(originAllowed(local, origin), false, origin);
    const headers = { host: 'localhost:8790', origin };
    assert.equal(refuseUpgrade(local, headers, '127.0.0.1')?.status, 403, origin);
    assert.equal(refuseRequest(local, 'POST', true, headers)?.status, 403, origin);
  }
  for (const origin of ['http://localhost:8790', 'http://127.0.0.1:8790', 'http://[::1]:8790']) {
    assert.equal(originAllowed(local, origin), true, origin);
  }
  assert.equal(originAllowed(remote, 'https://tide.example'), true);
  assert.equal(originAllowed(remote, 'https://tide.example.evil'), false);
});

test('a socket without Origin is let in from this machine and from no browser', () => {
  const headers = { host: '127.0.0.1:8790' };
  assert.equal(refuseUpgrade(local, headers, '127.0.0.1'), undefined);
  assert.equal(refuseUpgrade(local, headers, '::ffff:127.0.0.1'), undefined);
  assert.equal(refuseUpgrade(local, headers, '192.168.1.9')?.status, 403);
  assert.equal(refuseUpgrade(local, headers, undefined)?.status, 403);
  assert.equal(refuseUpgrade(local, { ...headers, 'sec-fetch-site': 'cross-site' }, '127.0.0.1')?.status, 403);
  assert.equal(refuseUpgrade(local, { host: 'evil.example:8790' }, '127.0.0.1')?.status, 421);
});

test('a foreign page may link to an answer but neither read nor change by script', () => {
  const from = (site: string, more: Record<string, string> = {}) => ({
    host: 'localhost:8790',
    'sec-fetch-site': site,
    ...more,
  });
  assert.equal(refuseRequest(local, 'GET', true, from('same-origin')), undefined);
  assert.equal(refuseRequest(local, 'GET', true, from('none')), undefined);
  assert.equal(refuseRequest(local, 'GET', true, from('cross-site', { 'sec-fetch-mode': 'navigate' })), undefined);
  assert.equal(refuseRequest(local, 'GET', true, from('cross-site', { 'sec-fetch-mode': 'no-cors' }))?.status, 403);
  assert.equal(refuseRequest(local, 'POST', true, from('cross-site', { 'sec-fetch-mode': 'navigate' }))?.status, 403);
  assert.equal(refuseRequest(local, 'POST', true, from('same-site'))?.status, 403);
  assert.equal(refuseRequest(local, 'POST', true, { host: 'localhost:8790' }), undefined);
});

test('only loopback is loopback', () => {
  for (const name of ['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost'])
    assert.equal(isLoopbackName(name), true, name);
  for (const name of ['0.0.0.0', '::', '128.0.0.1', '127.evil.example', 'localhost.example', '']) {
    assert.equal(isLoopbackName(name), false, name);
  }
  assert.equal(isLoopbackAddress('::ffff:10.0.0.1'), false);
});
