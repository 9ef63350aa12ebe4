import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { s3Engines } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';

for (const engine of s3Engines) {
  engineSuite(engine.name, { server: engine }, ({ server }) => {
    test(`${engine.name} keeps what it acknowledged when it is killed`, async () => {
      const Bucket = await server.newBucket();
      await server.client.send(new PutObjectCommand({ Bucket, Key: 'a/b=c', Body: 'bytes' }));
      await server.kill();
      await server.restart();
      const { Body } = await server.client.send(new GetObjectCommand({ Bucket, Key: 'a/b=c' }));
      assert.equal(await Body?.transformToString(), 'bytes');
    });
  });
}
