import { TidemarkError } from '../domain/error.ts';

/**
 * What a failed request means for whoever asked:
 * `missing` no such object · `exists` a condition did not hold · `conflict` another write of the name was under way ·
 * `no-upload` no such multipart upload · `no-bucket` · `refused` credentials or rights · `region` · `clock` ours is wrong ·
 * `busy` too many requests · `unreachable` no answer, or none that is whole · `trouble` on the store's side · `unable` not
 * offered by this store · `other`.
 */
export type FailureKind =
  | 'missing'
  | 'exists'
  | 'conflict'
  | 'no-upload'
  | 'no-bucket'
  | 'refused'
  | 'region'
  | 'clock'
  | 'busy'
  | 'unreachable'
  | 'trouble'
  | 'unable'
  | 'other';

/** A failed request in words that may be shown and logged: never a key, a header or a signature. */
export class S3Failure extends Error {
  readonly kind: FailureKind;
  readonly retryAfterMs: number | undefined;

  constructor(kind: FailureKind, text: string, retryAfterMs?: number) {
    super(text);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same request again may succeed. */
  get isTransient(): boolean {
    return ['busy', 'unreachable', 'trouble', 'conflict', 'clock'].includes(this.kind);
  }
}

const byName: Readonly<Record<string, FailureKind>> = {
  NoSuchKey: 'missing',
  PreconditionFailed: 'exists',
  ConditionalRequestConflict: 'conflict',
  OperationAborted: 'conflict',
  NoSuchUpload: 'no-upload',
  NoSuchBucket: 'no-bucket',
  AccessDenied: 'refused',
  AllAccessDisabled: 'refused',
  AccountProblem: 'refused',
  InvalidAccessKeyId: 'refused',
  InvalidToken: 'refused',
  ExpiredToken: 'refused',
  ExpiredTokenException: 'refused',
  TokenRefreshRequired: 'refused',
  SignatureDoesNotMatch: 'refused',
  InvalidSecurity: 'refused',
  XAdminUserNotFound: 'refused',
  PermanentRedirect: 'region',
  AuthorizationHeaderMalformed: 'region',
  IllegalLocationConstraintException: 'region',
  RequestTimeTooSkewed: 'clock',
  SlowDown: 'busy',
  ServiceUnavailable: 'busy',
  Throttling: 'busy',
  ThrottlingException: 'busy',
  TooManyRequests: 'busy',
  RequestLimitExceeded: 'busy',
  RequestTimeout: 'unreachable',
  IncompleteBody: 'unreachable',
  // The bytes were changed on their way.
  BadDigest: 'unreachable',
  XAmzContentSHA256Mismatch: 'unreachable',
  XAmzContentChecksumMismatch: 'unreachable',
  InternalError: 'trouble',
  NotImplemented: 'unable',
  MethodNotAllowed: 'unable',
};

const byStatus: Readonly<Record<number, FailureKind>> = {
  301: 'region',
  307: 'region',
  401: 'refused',
  403: 'refused',
  408: 'unreachable',
  409: 'conflict',
  412: 'exists',
  429: 'busy',
  503: 'busy',
  405: 'unable',
  501: 'unable',
};

/** A certificate does not become right by asking again. */
const hopeless = /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|ERR_INVALID_URL)/;

interface RawFailure {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

/** `isHead`: its answers have no body, so that only the status says what is wrong. */
export function failureOf(error: unknown, isHead = false): S3Failure {
  if (error instanceof S3Failure) return error;
  const raw = error as RawFailure;
  const status = raw.$metadata?.httpStatusCode ?? raw.$response?.statusCode;
  const name = raw.name ?? 'Error';
  const known = byName[name];
  if (known !== undefined) return new S3Failure(known, textOf(name, status), retryAfterMs(raw));
  if (status === undefined) {
    const code = raw.code ?? name;
    if (/credential|Region is missing/i.test(`${name} ${raw.message}`)) {
      return /Region is missing/.test(raw.message ?? '')
        ? new S3Failure('region', 'no region is set')
        : new S3Failure('refused', 'no credentials were found');
    }
    return new S3Failure(hopeless.test(code) ? 'other' : 'unreachable', code);
  }
  if (isHead && status === 404) return new S3Failure('missing', textOf(name, status));
  if (isHead && status === 400) return new S3Failure('refused', textOf('', status));
  // What says that there is none would have said of what.
  if (status === 404) return new S3Failure('unreachable', 'HTTP 404 without a word of S3');
  const kind = byStatus[status] ?? (status >= 500 ? 'trouble' : status < 300 ? 'unreachable' : 'other');
  return new S3Failure(kind, textOf(name, status), retryAfterMs(raw));
}

function textOf(name: string, status: number | undefined): string {
  const isWord = /^[A-Za-z]{3,60}$/.test(name) && !/^(Unknown|UnknownError|Error)$/.test(name);
  if (status === undefined) return isWord ? name : 'no answer';
  return isWord ? `${name} (HTTP ${status})` : `HTTP ${status}`;
}

function retryAfterMs({ $response }: RawFailure): number | undefined {
  const text = $response?.headers?.['retry-after'];
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) * 1000 : undefined;
}

const explained: Partial<Record<FailureKind, { code: string; now: string; retry?: 'later' }>> = {
  missing: { code: 'blob-missing', now: '' },
  'no-bucket': { code: 'store-missing', now: 'create the bucket, or mend lake.s3.bucket and lake.s3.endpoint' },
  refused: {
    code: 'store-refused',
    now: 'check the AWS credentials of this process and what they may do in this bucket; docs/object-store.md lists the rights',
  },
  region: { code: 'store-region', now: 'set lake.s3.region, or AWS_REGION, to the region of the bucket' },
  clock: { code: 'store-clock', now: 'set the clock of this machine right' },
  busy: { code: 'store-busy', now: 'nothing was made visible; it is tried again', retry: 'later' },
  unreachable: { code: 'store-unreachable', now: 'check lake.s3.endpoint and the network', retry: 'later' },
  trouble: { code: 'store-failing', now: 'the store itself fails; nothing was made visible', retry: 'later' },
  conflict: { code: 'store-busy', now: 'another process writes the same name', retry: 'later' },
  unable: { code: 'store-unable', now: 'use a store with conditional writes; docs/object-store.md names some' },
};

/** The failure as an error for the user, when nothing else is to be tried. */
export function storeError(doing: string, what: string, failure: S3Failure, writing = false): TidemarkError {
  const known = explained[failure.kind];
  const code = known?.code ?? (writing ? 'blob-unwritable' : 'blob-unreadable');
  const why = failure.kind === 'missing' ? 'there is none' : failure.message;
  return new TidemarkError(code, {
    doing,
    what,
    why,
    ...(known === undefined || known.now === '' ? {} : { now: known.now }),
    ...(known?.retry === undefined ? {} : { retry: known.retry }),
    ...(failure.retryAfterMs === undefined ? {} : { afterMs: failure.retryAfterMs }),
  });
}
