import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { HttpFaultProxy } from '../../test/support/http-fault-proxy.ts';
import { blobStoreContract } from '../ports/blob-store.contract.ts';
import { openCachedBlobs } from './cached.ts';
import { MemoryS3 } from './memory-s3.test-fixture.ts';
import { openS3Blobs } from './s3.ts';
import { s3FaultGrid } from './s3-faults.test-fixture.ts';
import type { S3Options } from './s3-requests.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-s3-'));
let server: MemoryS3;
before(async () => {
  server = await MemoryS3.start();
});
after(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

const credentials = { accessKeyId: 'ak', secretAccessKey: 'a-secret' };

function optionsOf(store: MemoryS3, prefix = ''): S3Options {
  return { bucket: store.bucket, prefix, endpoint: store.endpoint, credentials, firstPauseMs: 1, patienceMs: 2_000 };
}

let opened = 0;
blobStoreContract('S3 in memory', async () => {
  const place = `place-${opened++}`;
  let files = 0;
  const open = (folder: string) =>
    openCachedBlobs(openS3Blobs(optionsOf(server, place)), { folder: join(root, folder), maxBytes: 1e9 });
  return {
    store: open(place),
    reopen: () => open(`${place}-again`),
    localFile: async (bytes) => {
      const path = join(root, `${place}-local-${files++}`);
      await writeFile(path, bytes);
      return path;
    },
  };
});

s3FaultGrid('S3 in memory', 40_000, async () => {
  const faulty = await MemoryS3.start();
  const proxy = await HttpFaultProxy.start(faulty.port);
  return {
    proxy,
    options: { ...optionsOf(faulty), endpoint: proxy.endpoint },
    held: async (name) => faulty.objects.get(name)?.body,
    unfinishedUploads: async () => faulty.uploads.size,
    close: async () => {
      await proxy.stop();
      await faulty.stop();
    },
  };
});
