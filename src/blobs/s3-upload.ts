import { type FileHandle, open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Failure } from './s3-failure.ts';
import type { S3Requests } from './s3-requests.ts';
import { sha256 } from './sha256.ts';
import { signedWith } from './signed-with.ts';

const partsMax = 10_000;
const partsAtOnce = 4;

/** Whoever left an upload unfinished for so long does not come back to it. */
const abandonedMs = 24 * 3_600_000;

export interface FileUpload {
  readonly bucket: string;
  readonly key: string;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** Hex, of the whole file. */
  readonly sha256: string;
  readonly partBytes: number;
}

const doing = 'write the blob';

/**
 * The file in parts, each signed with its hash, which the store checks; the object appears with the last request, and only if there is none.
 * Rejects with an `S3Failure` `exists`, `conflict` or `no-upload` when that request may or may not have taken effect.
 */
export async function uploadInParts(requests: S3Requests, upload: FileUpload): Promise<void> {
  const { bucket: Bucket, key: Key, name, bytes } = upload;
  let begun = 0;
  const { UploadId } = await requests.ask({ doing, what: name, isWrite: true }, (client) => {
    begun++;
    return client.send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata: { sha256: upload.sha256 } }));
  });
  try {
    const Parts = await sendParts(requests, upload, UploadId!);
    await requests.ask({ doing, what: name, isWrite: true, expects: ['exists', 'conflict', 'no-upload'] }, (client) =>
      client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          IfNoneMatch: '*',
          MpuObjectSize: bytes,
          MultipartUpload: { Parts },
        }),
      ),
    );
  } catch (error) {
    // Its parts would be paid for until somebody looks.
    await abort(requests, Bucket, Key, UploadId!);
    throw error;
  } finally {
    // An answer that was lost named an upload that nobody knows.
    if (begun > 1) await abortBegunBefore(requests, Bucket, Key, Date.now());
  }
}

async function sendParts(requests: S3Requests, upload: FileUpload, UploadId: string): Promise<CompletedPart[]> {
  const { bucket: Bucket, key: Key, name, bytes } = upload;
  const size = Math.max(upload.partBytes, Math.ceil(bytes / partsMax));
  const count = Math.ceil(bytes / size);
  const parts: CompletedPart[] = [];
  const file = await open(upload.path, 'r');
  let next = 0;
  let hasFailed = false;
  const sendPart = async (at: number): Promise<void> => {
    const Body = await partOf(file, upload, at * size, Math.min(size, bytes - at * size));
    const hash = sha256(Body);
    const { ETag } = await requests.ask({ doing, what: name, isWrite: true, expects: ['no-upload'] }, (client) =>
      client.send(signedWith(hash, new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: at + 1, Body }))),
    );
    parts[at] = { PartNumber: at + 1, ETag };
  };
  const lane = async (): Promise<void> => {
    while (next < count && !hasFailed) {
      const at = next++;
      await requests.holding(() => sendPart(at));
    }
  };
  try {
    const lanes = await Promise.allSettled(
      Array.from({ length: Math.min(partsAtOnce, count) }, () =>
        lane().catch((error) => {
          hasFailed = true;
          throw error;
        }),
      ),
    );
    for (const one of lanes) if (one.status === 'rejected') throw one.reason;
  } finally {
    await file.close();
  }
  return parts;
}

async function partOf(file: FileHandle, { path }: FileUpload, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, from + filled);
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
    filled += bytesRead;
  }
  return bytes;
}

/** Whatever comes of it: the failure that led here says more. */
async function abort(requests: S3Requests, Bucket: string, Key: string, UploadId: string): Promise<void> {
  const isDone: readonly S3Failure['kind'][] = ['no-upload', 'missing'];
  await requests
    .ask({ doing: 'abort the upload of', what: Key, isWrite: true, expects: isDone }, (client) =>
      client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })),
    )
    .catch(() => undefined);
}

/** Ends what killed processes left unfinished below `prefix`, so that nobody pays for its parts. */
export async function abortAbandoned(requests: S3Requests, bucket: string, prefix: string): Promise<void> {
  await abortBegunBefore(requests, bucket, prefix, Date.now() - abandonedMs);
}

/** A store that does not tell its unfinished uploads, or not us, keeps them: that costs money and nothing else. */
async function abortBegunBefore(requests: S3Requests, Bucket: string, Prefix: string, beforeMs: number): Promise<void> {
  const asked = { doing: 'list the unfinished uploads of', what: Bucket } as const;
  let KeyMarker: string | undefined;
  let UploadIdMarker: string | undefined;
  do {
    const page = await requests
      .ask(asked, (client) =>
        client.send(new ListMultipartUploadsCommand({ Bucket, Prefix, KeyMarker, UploadIdMarker })),
      )
      .catch(() => undefined);
    for (const { Key, UploadId, Initiated } of page?.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) continue;
      if (Key.startsWith(Prefix) && Initiated.getTime() <= beforeMs) await abort(requests, Bucket, Key, UploadId);
    }
    [KeyMarker, UploadIdMarker] = page?.IsTruncated ? [page.NextKeyMarker, page.NextUploadIdMarker] : [];
  } while (KeyMarker !== undefined);
}
