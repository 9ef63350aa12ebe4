import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Logger } from '../ports/log.ts';
import { AdaptiveGate } from './adaptive-gate.ts';
import { failureOf, type S3Failure, storeError } from './s3-failure.ts';

export interface S3Address {
  readonly bucket: string;
  /** Everything of this lake lies below it; without slashes at its ends, may be empty. */
  readonly prefix?: string;
  /** Of a server that is not AWS. */
  readonly endpoint?: string;
  readonly region?: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`; by default where there is an endpoint. */
  readonly pathStyle?: boolean;
}

export interface S3Options extends S3Address {
  /** Instead of the standard chain: environment, profile files, web identity, container, machine. */
  readonly credentials?: NonNullable<S3ClientConfig['credentials']>;
  /** A request is tried again for so long. */
  readonly patienceMs?: number;
  /** First pause before a second try; each later one is up to twice as long, at a random point of that range. */
  readonly firstPauseMs?: number;
  /** A connection that says nothing for so long is given up. */
  readonly silenceMs?: number;
  /** Larger files go up in parts of this size; AWS takes none below 5 MiB. */
  readonly partBytes?: number;
  /** Told when the store stops answering, and when it answers again. */
  readonly log?: Logger;
}

const requestsAtOnce = 16;
/** Files, or parts of them, that lie in memory on their way. */
const heldAtOnce = 8;
const longestPauseMs = 20_000;
const connectMs = 5_000;

export interface Asked {
  /** As a verb phrase: `write the blob`. */
  readonly doing: string;
  readonly what: string;
  readonly isHead?: boolean;
  readonly isWrite?: boolean;
  /** Kinds that the caller makes something of; they arrive as `S3Failure`. */
  readonly expects?: readonly S3Failure['kind'][];
}

/** Requests to one bucket: tried again where that can help, no more at once than the store bears, credentials kept fresh. */
export class S3Requests {
  readonly #options: S3Options;
  readonly #gate = new AdaptiveGate(requestsAtOnce);
  readonly #held = new AdaptiveGate(heldAtOnce);
  readonly #firstPauseMs: number;
  readonly #patienceMs: number;
  #client: S3Client;
  #isInTrouble = false;
  /** Sent so far, also those that failed. */
  sent = 0;

  constructor(options: S3Options) {
    this.#options = options;
    this.#firstPauseMs = options.firstPauseMs ?? 100;
    this.#patienceMs = options.patienceMs ?? 300_000;
    this.#client = this.#newClient();
  }

  /** `send` makes one attempt; it may be called many times. */
  async ask<T>(asked: Asked, send: (client: S3Client) => Promise<T>): Promise<T> {
    const retry = new Retry(this.#firstPauseMs, this.#patienceMs);
    let isRenewed = false;
    for (;;) {
      const client = this.#client;
      try {
        const answer = await this.#gate.pass(
          async () => {
            this.sent++;
            try {
              return await send(client);
            } catch (error) {
              throw failureOf(error, asked.isHead);
            }
          },
          (error) => (error as S3Failure).kind === 'busy',
        );
        this.#tellTrouble(undefined);
        return answer;
      } catch (error) {
        const failure = error as S3Failure;
        if (asked.expects?.includes(failure.kind)) throw failure;
        if (failure.kind === 'refused' && !isRenewed && (await this.#renewCredentials(client))) {
          isRenewed = true;
          continue;
        }
        if (failure.isTransient && failure.kind !== 'conflict') this.#tellTrouble(failure);
        if (!failure.isTransient || !(await retry.pause(failure))) {
          throw storeError(asked.doing, asked.what, failure, asked.isWrite);
        }
      }
    }
  }

  #tellTrouble(failure: S3Failure | undefined): void {
    if (this.#isInTrouble === (failure !== undefined)) return;
    this.#isInTrouble = failure !== undefined;
    const store = this.#options.endpoint ?? 's3';
    if (failure === undefined) this.#options.log?.info({ store }, 'the store answers again');
    else this.#options.log?.warn({ store, why: failure.message }, 'the store fails: its requests are tried again');
  }

  /** Runs `work`, which holds a file or a part of one in memory, when few others do. */
  holding<T>(work: () => Promise<T>): Promise<T> {
    return this.#held.pass(work, () => false);
  }

  /** Pauses between tries of what is more than one request. */
  newRetry(): Retry {
    return new Retry(this.#firstPauseMs, this.#patienceMs);
  }

  close(): void {
    this.#client.destroy();
  }

  /** Looks credentials up afresh; false when they are those that were refused. */
  async #renewCredentials(refused: S3Client): Promise<boolean> {
    if (this.#client !== refused) return true;
    const fresh = this.#newClient();
    const [before, now] = await Promise.all([identityOf(refused), identityOf(fresh)]);
    if (now === undefined || before === now) {
      fresh.destroy();
      return false;
    }
    if (this.#client === refused) this.#client = fresh;
    // Requests under way on the old one end on their own; its idle connections close by themselves.
    return true;
  }

  #newClient(): S3Client {
    const { region, endpoint, credentials, pathStyle = endpoint !== undefined, silenceMs = 30_000 } = this.#options;
    return new S3Client({
      // A server of one's own has any region.
      ...(region !== undefined ? { region } : endpoint === undefined ? {} : { region: regionOfEnvironment() }),
      ...(endpoint === undefined ? {} : { endpoint }),
      forcePathStyle: pathStyle,
      credentials: credentials ?? defaultProvider({ ignoreCache: true }),
      maxAttempts: 1,
      // Checksums are ours: the same one that the catalog and the object's metadata have.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
      requestHandler: new NodeHttpHandler({
        connectionTimeout: connectMs,
        socketTimeout: silenceMs,
        httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 64 }),
        httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 64 }),
      }),
    });
  }
}

/** Exponential back-off with full jitter, for as long as patience lasts. */
export class Retry {
  readonly #endMs: number;
  #pauseMs: number;

  constructor(firstPauseMs: number, patienceMs: number) {
    this.#pauseMs = firstPauseMs;
    this.#endMs = Date.now() + patienceMs;
  }

  /** Waits before the next try; false when there is to be none. */
  async pause(failure: S3Failure): Promise<boolean> {
    const pauseMs = Math.max(failure.retryAfterMs ?? 0, Math.random() * this.#pauseMs);
    if (Date.now() + pauseMs > this.#endMs) return false;
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
    await sleep(pauseMs);
    return true;
  }
}

function regionOfEnvironment(): string {
  return process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
}

async function identityOf(client: S3Client): Promise<string | undefined> {
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
    return `${accessKeyId} ${secretAccessKey} ${sessionToken}`;
  } catch {
    return undefined;
  }
}
