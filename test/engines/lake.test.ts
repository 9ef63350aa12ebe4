import { join } from 'node:path';
import { openCachedBlobs } from '../../src/blobs/cached.ts';
import { openS3Blobs } from '../../src/blobs/s3.ts';
import { lakeUnderTest } from '../../src/lake/lake-under-test.test-fixture.ts';
import { lakeContract } from '../../src/ports/lake.contract.ts';
import { s3Engines } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';

for (const engine of s3Engines) {
  engineSuite(`the lake on ${engine.name}`, { server: engine }, async ({ server }) => {
    const { endpoint, region, accessKeyId, secretAccessKey } = server;
    const address = {
      bucket: await server.newBucket(),
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
    };
    let places = 0;
    lakeContract(`parquet lake on ${engine.name}`, (t) => {
      const prefix = `lake-${places++}`;
      return lakeUnderTest(t, (folder) =>
        openCachedBlobs(openS3Blobs({ ...address, prefix }), { folder: join(folder, 'cache'), maxBytes: 1e9 }),
      );
    });
  });
}
