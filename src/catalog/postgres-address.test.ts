import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import { parsePostgresUrl, plainRemoteHost } from './postgres-address.ts';

for (const name of ['PGHOST', 'PGSSLMODE', 'PGSSLROOTCERT']) delete process.env[name];

test('what a URL says is taken, and what it does not say is left to the environment', () => {
  assert.deepEqual(parsePostgresUrl('postgres://o%27neil@db.internal:6432/my%20market?sslmode=disable'), {
    host: 'db.internal',
    port: 6432,
    user: "o'neil",
    database: 'my market',
    tls: false,
  });
  assert.deepEqual(parsePostgresUrl('postgresql://'), {
    host: undefined,
    port: undefined,
    user: undefined,
    database: undefined,
    tls: undefined,
  });
  assert.equal(parsePostgresUrl('postgres://[::1]/x').host, '::1');
  assert.equal(parsePostgresUrl('postgres:///x?host=/run/postgresql').host, '/run/postgresql');
});

test('a connection is checked unless the URL says that it need not be', () => {
  const tlsOf = (mode: string) => parsePostgresUrl(`postgres://h/d?sslmode=${mode}`).tls;
  for (const mode of ['require', 'verify-ca', 'verify-full'])
    assert.deepEqual(tlsOf(mode), { rejectUnauthorized: true });
  assert.deepEqual(tlsOf('no-verify'), { rejectUnauthorized: false });
});

for (const [url, message] of [
  ['h:5432/d', /it does not begin with postgres|it is no URL/],
  ['postgres://u:s3cret@h/d', /it holds a password — .*PGPASSWORD/],
  ['postgres://h/d?PassWord=s3cret', /it holds a password/],
  ['postgres://h/d?options=-c%20x', /it has the option options/],
  ['postgres://h/d%zz', /stands for no character/],
  ['postgres://h/d?sslmode=verify-full&sslrootcert=/absent.pem', /\/absent\.pem/],
  ['postgres://u:s3cret@h:port/d', /it is no URL/],
] as const) {
  test(`${url} is refused without being repeated`, () => {
    assert.throws(
      () => parsePostgresUrl(url),
      (error) => {
        assert.ok(error instanceof TidemarkError);
        assert.equal(error.code, 'config-invalid');
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.message}${error.stack}`, /s3cret/);
        return true;
      },
    );
  });
}

test('a host elsewhere without TLS is named', () => {
  assert.equal(plainRemoteHost('postgres://db.internal/x'), 'db.internal');
  assert.equal(plainRemoteHost('postgres://10.0.0.1/x?sslmode=disable'), '10.0.0.1');
  assert.equal(plainRemoteHost('postgres://db.internal/x?sslmode=verify-full'), undefined);
  for (const host of ['localhost', '127.0.0.1', '[::1]'])
    assert.equal(plainRemoteHost(`postgres://${host}/x`), undefined);
  assert.equal(plainRemoteHost('postgres:///x?host=/run/postgresql'), undefined);
});
