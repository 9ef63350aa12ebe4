import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { loadConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-config-'));
after(() => rmSync(folder, { recursive: true }));

function load(yaml: string | undefined, env: Record<string, string> = {}) {
  const file = join(folder, 'settings.yaml');
  if (yaml !== undefined) writeFileSync(file, yaml);
  return loadConfig({ ...(yaml === undefined ? {} : { file }), env, cwd: folder });
}

const wrongFiles: [yaml: string, message: RegExp][] = [
  ['datadir: x', /setting datadir in .*settings\.yaml: there is no such setting — did you mean dataDir\?/],
  ['sever: { port: 1 }', /setting sever .* did you mean server\?/],
  ['server: { prot: 1 }', /setting server\.prot .* did you mean server\.port\?/],
  ['lake: { commitSecond: 5 }', /did you mean lake\.commitSeconds\?/],
  ['venue: { rest: { spots: [] } }', /did you mean venue\.rest\.spot\?/],
  ['colour: blue', /there is no such setting — see docs\/configuration\.md/],
  ['server: { port: abc }', /setting server\.port .*"abc": expected number/],
  ['server: { port: 70000 }', /70000: too big.*65535/],
  ['server: { port: null }', /null: expected number/],
  ['server: 5', /setting server .*5: expected object/],
  ['instruments: BTCUSDT', /setting instruments .*expected array/],
  ['instruments: []', /setting instruments .*too small/],
  ['instruments: [BTCUSDT]', /setting instruments .*"BTCUSDT": it is not venue:market:SYMBOL — write it like binance/],
  ['instruments: ["binance:spot:btcusdt"]', /"binance:spot:btcusdt": symbols are upper case/],
  ['streams: [trades]', /setting streams .*"trades" is none of trade, .*did you mean trade\?/],
  ['klineIntervals: [7w]', /setting klineIntervals .*"7w" is none of .*did you mean 1w\?/],
  ['lake: { commitSeconds: 61 }', /61: too big.*60/],
  ['log: { level: inf }', /setting log\.level .*did you mean info\?/],
  ['venue: { rest: { spot: ["ftp://host"] } }', /setting venue\.rest\.spot .*"ftp:\/\/host": invalid URL/],
  [
    'venue: { resolve: { "api.binance.com": nowhere } }',
    /setting venue\.resolve\.api\.binance\.com .*an address and a port/,
  ],
  ['lake: { store: s3 }', /setting lake\.store .*no bucket is named — set lake\.s3\.bucket/],
  ['lake: { s3: { bucket: market-data } }', /setting lake\.s3\.bucket .*in a folder — set lake\.store to s3/],
  ['lake: { store: s3, s3: { bucket: Market_Data } }', /setting lake\.s3\.bucket .*the name of a bucket/],
  ['lake: { store: s3, s3: { bucket: data, prefix: /a/ } }', /setting lake\.s3\.prefix .*parts joined by/],
  ['lake: { store: s3, s3: { bucket: data, endpoint: "ftp://host" } }', /setting lake\.s3\.endpoint /],
  [
    'lake: { store: s3, s3: { bucket: data, endpoint: "http://ak:sk@host" } }',
    /setting lake\.s3\.endpoint .*holds cred/,
  ],
  ['catalog: { url: "postgres://host/db" }', /setting catalog\.url .*in SQLite — set catalog\.kind to postgres/],
  ['catalog: { kind: postgress }', /setting catalog\.kind .*did you mean postgres\?/],
  ['catalog: { schema: "a;b" }', /setting catalog\.schema .*a plain name/],
  ['catalog: { kind: postgres, url: "postgres://host/db?sslmode=maybe" }', /sslmode maybe is not known/],
  ['catalog: { kind: postgres, url: "mysql://host/db" }', /does not begin with postgres:\/\//],
  ['[1, 2]', /it is not a map of settings/],
  ['a: [', /cannot use file .* — mend the YAML/],
  ['dataDir: a\ndataDir: b', /must be unique .* — mend the YAML/],
];

for (const [yaml, message] of wrongFiles) {
  test(`the settings ${JSON.stringify(yaml)} are refused`, () => {
    assert.throws(() => load(yaml), refusedWith(message));
  });
}

const wrongVariables: [name: string, value: string, message: RegExp][] = [
  ['TIDEMARK_SERVER_PROT', '1', /environment variable TIDEMARK_SERVER_PROT: .*did you mean TIDEMARK_SERVER_PORT\?/],
  ['TIDEMARK_RECORDING', '/data', /environment variable TIDEMARK_RECORDING: there is no such setting/],
  ['TIDEMARK_SERVER_PORT', '', /setting server\.port in variable TIDEMARK_SERVER_PORT/],
  ['TIDEMARK_SERVER_PORT', '0x10', /"0x10": expected number/],
  ['TIDEMARK_SERVER_ALLOW_REMOTE', 'yes', /"yes": expected boolean/],
  ['TIDEMARK_INSTRUMENTS', 'BTCUSDT', /setting instruments in variable TIDEMARK_INSTRUMENTS/],
  ['TIDEMARK_VENUE_RESOLVE', 'host', /variable TIDEMARK_VENUE_RESOLVE: "": it must be an address and a port/],
];

for (const [name, value, message] of wrongVariables) {
  test(`the variable ${name}=${value} is refused`, () => {
    assert.throws(() => load('server: { port: 9000 }', { [name]: value }), refusedWith(message));
  });
}

test('a variable beats the file, the file beats the default, and each setting tells where it came from', () => {
  const { config, origin } = load('server: { port: 9000 }\nstreams: [trade]\ndataDir: there', {
    TIDEMARK_SERVER_PORT: '9001',
    TIDEMARK_INSTRUMENTS: 'binance:spot:LTCUSDT, binance:usdm:BTCUSDT',
    TIDEMARK_SERVER_ALLOW_REMOTE: 'true',
    TIDEMARK_VENUE_RESOLVE: 'api.binance.com=127.0.0.1:1, stream.binance.com = 10.0.0.1:2',
  });
  assert.deepEqual(
    [config.server.port, config.dataDir, config.streams, config.server.allowRemote, config.journal.syncIntervalMs],
    [9001, 'there', ['trade'], true, 10],
  );
  assert.deepEqual(config.instruments, ['binance:spot:LTCUSDT', 'binance:usdm:BTCUSDT']);
  assert.deepEqual(config.venue.resolve, { 'api.binance.com': '127.0.0.1:1', 'stream.binance.com': '10.0.0.1:2' });
  assert.deepEqual(
    ['server.port', 'dataDir', 'journal.syncIntervalMs', 'venue.resolve'].map((key) => origin[key]),
    ['TIDEMARK_SERVER_PORT', 'file', 'default', 'TIDEMARK_VENUE_RESOLVE'],
  );
});

test('what belongs to the tests is let through, and an empty file is all defaults', () => {
  const { config } = load('', { TIDEMARK_RECORDINGS: '/somewhere', HOME: '/', PATH: '' });
  assert.equal(config.server.port, 8787);
});

test('a settings file that was named must be there; the usual one need not be', () => {
  assert.throws(
    () => loadConfig({ file: 'absent.yaml', env: {}, cwd: folder }),
    refusedWith(/absent\.yaml: it does not exist/),
  );
  assert.throws(() => loadConfig({ file: folder, env: {}, cwd: folder }), refusedWith(/— name a settings file/));
  assert.equal(loadConfig({ env: {}, cwd: folder }).file, undefined);
});

for (const url of [
  '"postgres://tidemark:hunter2@host/db"',
  '"postgres://host/db?password=hunter2"',
  '"postgres://host/db?sslpassword=hunter2"',
  '"postgres://tidemark:hunter2@host:port/db"',
  '["postgres://tidemark:hunter2@host/db"]',
]) {
  test(`a password in ${url} is refused, from a file and a variable, and never repeated`, () => {
    for (const refuse of [
      () => load(`catalog: { kind: postgres, url: ${url} }`),
      () => load('catalog: { kind: postgres }', { TIDEMARK_CATALOG_URL: url.replaceAll('"', '') }),
    ]) {
      assert.throws(refuse, (error) => {
        assert.ok(error instanceof TidemarkError);
        assert.equal(error.code, 'config-invalid');
        assert.match(error.message, /catalog\.url/);
        assert.doesNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`, /hunter2/);
        return true;
      });
    }
  });
}

function refusedWith(message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof TidemarkError);
    assert.equal(error.code, 'config-invalid');
    assert.match(error.message, message);
    return true;
  };
}
