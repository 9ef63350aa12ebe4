// A real SMTP server on loopback that keeps what it is sent, for tests.
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Kept {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire. */
  readonly raw: string;
}

export interface SmtpSink {
  readonly port: number;
  readonly letters: readonly Kept[];
  /** Letters that are answered with this code before the rest are taken. */
  refuse(codes: readonly number[]): void;
  readonly attempts: () => number;
}

export async function startSmtpSink(t: TestContext, options: SMTPServerOptions = {}): Promise<SmtpSink> {
  const letters: Kept[] = [];
  let refusals: number[] = [];
  let attempts = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.secure || options.cert !== undefined ? [] : ['STARTTLS'],
    ...options,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        attempts++;
        const code = refusals.shift();
        if (code !== undefined) {
          callback(Object.assign(new Error('try again'), { responseCode: code }));
          return;
        }
        const { mailFrom, rcptTo } = session.envelope;
        letters.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
        });
        callback();
      });
    },
  });
  // A client that hangs up is part of the tests.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    letters,
    refuse: (codes) => {
      refusals = [...codes];
    },
    attempts: () => attempts,
  };
}

/** The bytes of the first attachment of this name. */
export function attachmentOf({ raw }: Kept, name: string): Buffer | undefined {
  const parts = raw.split(/\r\n--[^\r\n]+/);
  const part = parts.find((text) => text.includes(`filename=${name}`) || text.includes(`filename="${name}"`));
  const body = part?.slice(part.indexOf('\r\n\r\n') + 4);
  return body === undefined ? undefined : Buffer.from(body.replace(/\s/g, ''), 'base64');
}
