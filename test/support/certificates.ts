import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/** A certificate authority that lives as long as a test, and what it signs. Made here: no program for it need be installed. */
export interface TestAuthority {
  /** PEM, for whoever shall trust it. */
  readonly certificate: string;
  /** Key and certificate of a server with these names. */
  sign(names: readonly string[]): { readonly key: string; readonly cert: string };
}

const oids = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
} as const;

export function createAuthority(name: string): TestAuthority {
  const { publicKey, privateKey } = newKeys();
  const extensions = [
    extension(oids.basicConstraints, sequence(tlv(0x01, Buffer.of(0xff))), true),
    extension(oids.keyUsage, tlv(0x03, Buffer.of(0x02, 0x04)), true),
    extension(oids.subjectKeyIdentifier, tlv(0x04, keyIdentifier(publicKey))),
  ];
  return {
    certificate: certificate(name, privateKey, name, publicKey, extensions),
    sign(names) {
      const keys = newKeys();
      const alternatives = names.map((dns) => tlv(0x82, Buffer.from(dns, 'ascii')));
      const cert = certificate(name, privateKey, names[0]!, keys.publicKey, [
        extension(oids.basicConstraints, sequence(), true),
        extension(oids.keyUsage, tlv(0x03, Buffer.of(0x07, 0x80)), true),
        extension(oids.subjectAlternativeName, sequence(...alternatives)),
        extension(oids.authorityKeyIdentifier, sequence(tlv(0x80, keyIdentifier(publicKey)))),
      ]);
      return { key: String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })), cert };
    },
  };
}

function newKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

/** X.509 version 3 (RFC 5280), valid from yesterday for a week. */
function certificate(
  issuer: string,
  issuerKey: KeyObject,
  subject: string,
  subjectKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const dayMs = 86_400_000;
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    tlv(0x02, Buffer.concat([Buffer.of(0x01), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer),
    sequence(utcTime(Date.now() - dayMs), utcTime(Date.now() + 7 * dayMs)),
    distinguishedName(subject),
    subjectKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = createSign('sha256').update(body).sign(issuerKey);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.of(0), signature));
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return tlv(0x30, ...contents);
}

function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid(oids.commonName), tlv(0x0c, Buffer.from(commonName, 'utf8')))));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return tlv(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value));
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}
