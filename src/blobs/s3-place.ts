import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { BlobEntry } from '../ports/blob-store.ts';
import { checkBlobName } from './blob-name.ts';
import { type S3Options, S3Requests } from './s3-requests.ts';

/** What lies below one prefix of a bucket, and the requests about it. */
export class S3Place {
  readonly requests: S3Requests;
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;

  constructor(options: S3Options) {
    this.requests = new S3Requests(options);
    this.bucket = options.bucket;
    this.prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix}/`;
  }

  keyOf(name: string): string {
    checkBlobName(name);
    return this.prefix + name;
  }

  get address(): string {
    return `s3://${this.bucket}/${this.prefix}`;
  }

  /** Everything there, whoever put it, by what follows the prefix. */
  async *entries(prefix = ''): AsyncIterable<BlobEntry> {
    const Prefix = this.prefix + prefix;
    let ContinuationToken: string | undefined;
    do {
      const page = await this.requests.ask({ doing: 'list', what: `s3://${this.bucket}/${Prefix}` }, (client) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: this.bucket,
            Prefix,
            EncodingType: 'url',
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        ),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        const name = decoded(Key).slice(this.prefix.length);
        yield { name, bytes: Size ?? 0, storedAtUs: (LastModified?.getTime() ?? 0) * 1000 };
      }
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }
}

/** Keys of others may hold anything; ours need no escaping and are the same either way. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
