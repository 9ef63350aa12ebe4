import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openCachedBlobs } from '../../src/blobs/cached.ts';
import { openS3Blobs } from '../../src/blobs/s3.ts';
import { blobStoreContract } from '../../src/ports/blob-store.contract.ts';
import { type S3Server, s3Engines } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-s3-'));
after(() => rmSync(root, { recursive: true, force: true }));
let opened = 0;

function optionsOf(server: S3Server, bucket: string, prefix: string) {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return { bucket, prefix, endpoint, region, credentials: { accessKeyId, secretAccessKey }, patienceMs: 5_000 };
}

for (const engine of s3Engines) {
  engineSuite(engine.name, { server: engine }, async ({ server }) => {
    const bucket = await server.newBucket();
    blobStoreContract(`S3 on ${engine.name}`, async () => {
      const place = `place-${opened++}`;
      let files = 0;
      const open = (folder: string) =>
        openCachedBlobs(openS3Blobs(optionsOf(server, bucket, place)), { folder: join(root, folder), maxBytes: 1e9 });
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
  });
}
