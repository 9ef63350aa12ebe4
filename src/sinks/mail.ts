import nodemailer from 'nodemailer';
import { TidemarkError } from '../domain/error.ts';
import type { Letter, Mail } from '../ports/mail.ts';

export interface MailOptions {
  readonly host: string;
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  /** TLS from the first byte; otherwise the connection is raised to TLS before anything is said, and refused where it cannot. */
  readonly secure: boolean;
  /** Without TLS: for a server on this machine only. */
  readonly isPlain?: boolean;
  readonly user?: string;
  /** Read anew for each letter, so that it can change. */
  readonly password?: () => Promise<string | undefined>;
  /** PEM of an authority of one's own. */
  readonly certificateAuthority?: string | Uint8Array;
  readonly timeLimitMs?: number;
}

const usualTimeLimitMs = 30_000;

/** Letters over SMTP, a connection each. The server's certificate is always checked. */
export function openMail(options: MailOptions): Mail {
  const timeLimitMs = options.timeLimitMs ?? usualTimeLimitMs;
  return {
    to: options.to,
    async send(letter, signal) {
      signal?.throwIfAborted();
      const password = await options.password?.();
      if (options.user !== undefined && (password === undefined || password === '')) {
        throw failed(
          options,
          'there is no password for the user',
          'never',
          'give it in TIDEMARK_MAIL_PASSWORD or in the file mail.passwordFile',
        );
      }
      const transport = nodemailer.createTransport({
        host: options.host,
        port: options.port,
        secure: options.secure,
        ...(options.isPlain === true ? { ignoreTLS: true } : { requireTLS: !options.secure }),
        ...(options.user === undefined ? {} : { auth: { user: options.user, pass: password ?? '' } }),
        tls: {
          rejectUnauthorized: true,
          minVersion: 'TLSv1.2',
          ...(options.certificateAuthority === undefined ? {} : { ca: Buffer.from(options.certificateAuthority) }),
        },
        connectionTimeout: timeLimitMs,
        greetingTimeout: timeLimitMs,
        socketTimeout: timeLimitMs,
        logger: false,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const stop = () => transport.close();
      signal?.addEventListener('abort', stop, { once: true });
      try {
        const sent = await transport.sendMail(messageOf(options, letter));
        if (sent.rejected.length > 0) {
          throw failed(
            options,
            `the server takes nothing for ${sent.rejected.map(String).join(', ')}`,
            'never',
            'check the setting mail.to',
          );
        }
      } catch (error) {
        signal?.throwIfAborted();
        throw explained(options, error, password);
      } finally {
        signal?.removeEventListener('abort', stop);
        transport.close();
      }
    },
  };
}

function messageOf({ from, to }: MailOptions, letter: Letter) {
  return {
    from,
    to: [...to],
    subject: letter.subject,
    text: letter.text,
    html: letter.html,
    messageId: `<${letter.messageId}>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    attachments: letter.attachments.map(({ name, contentType, bytes }) => ({
      filename: name,
      contentType,
      content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    })),
  };
}

/** Answers of 4xx and broken connections may be otherwise later; refusals, wrong passwords and certificates will not. */
function explained(options: MailOptions, error: unknown, password: string | undefined): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const {
    code,
    responseCode,
    message = String(error),
  } = error as { code?: string; responseCode?: number; message?: string };
  // Some servers repeat what they were told.
  const said = (password === undefined || password === '' ? message : message.replaceAll(password, '…')).slice(0, 300);
  if (code === 'EAUTH')
    return failed(
      options,
      `the server refuses user and password: ${said}`,
      'never',
      'check mail.user and the password',
    );
  if (code === 'ETLS' || /certificate|self.signed|altname|unable to verify/i.test(message)) {
    return failed(
      options,
      `the connection is not safe: ${said}`,
      'never',
      'check mail.secure and mail.certificateAuthority',
    );
  }
  if (responseCode !== undefined && responseCode >= 500)
    return failed(options, said, 'never', 'check mail.from and mail.to');
  return failed(options, said, 'later');
}

function failed({ host, port }: MailOptions, why: string, retry: 'later' | 'never', now?: string): TidemarkError {
  return new TidemarkError('mail-failed', {
    doing: 'send mail through',
    what: `${host}:${port}`,
    why,
    retry,
    ...(now === undefined ? {} : { now }),
    ...(retry === 'later' ? { afterMs: 60_000 } : {}),
  });
}
