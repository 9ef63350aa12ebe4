import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cached } from './cache.ts';
import { install } from './downloads.ts';
import { answersHttp, freePorts, startServer } from './server.ts';
import { type Engine, NotToBeHad, type RunningEngine } from './suite.ts';

export interface Trino extends RunningEngine {
  /** Rows as text; null stays null. */
  query(sql: string): Promise<(string | null)[][]>;
}

const version = '483';
const leastJava = 25;
const pins = [`io.trino:trino-main:${version}`, `io.trino:trino-iceberg:${version}`];

/** Trino as its jars come from Maven: the server, and the Iceberg connector as a plugin beside it. */
export const trino: Engine<Trino> = {
  name: 'trino',
  async start() {
    const java = newestJava();
    const installed = await cached('trino', [...pins, `java ${leastJava}`], async (into) => {
      await jars(into, 'main', 'trino-main');
      await jars(into, 'iceberg', 'trino-iceberg');
      await plugin(java, into, 'iceberg', 'io.trino.plugin.iceberg.IcebergPlugin');
      const launcher = join(into, 'launch');
      mkdirSync(launcher);
      writeFileSync(
        join(launcher, 'Launch.java'),
        `public class Launch { public static void main(String[] a) { new io.trino.server.Server().start("${version}"); } }\n`,
      );
      await install(join(java, 'bin', 'javac'), ['-cp', join(into, 'main', 'lib', '*'), '-d', launcher, join(launcher, 'Launch.java')]);
    }); // biome-ignore format: long arguments
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-trino-'));
    mkdirSync(join(folder, 'catalog'));
    const [port] = await freePorts(1);
    const address = `http://127.0.0.1:${port}`;
    writeFileSync(
      join(folder, 'config.properties'),
      [
        ...['coordinator=true', 'node-scheduler.include-coordinator=true', `http-server.http.port=${port}`],
        ...[`discovery.uri=${address}`, 'node.internal-address=127.0.0.1'],
        ...['catalog.management=dynamic', 'catalog.store=memory', `plugin.dir=${join(installed, 'plugin')}`],
        ...['query.max-memory=512MB', 'query.max-memory-per-node=512MB', 'memory.heap-headroom-per-node=256MB', ''],
      ].join('\n'),
    );
    writeFileSync(join(folder, 'log.properties'), 'io.trino=WARN\n');
    const server = await startServer({
      name: 'trino',
      command: join(java, 'bin', 'java'),
      args: [
        ...['-Xmx1536M', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '--add-modules=jdk.incubator.vector'],
        ...['--enable-native-access=ALL-UNNAMED', '--sun-misc-unsafe-memory-access=allow'],
        ...[
          '-Djdk.attach.allowAttachSelf=true',
          '-Duser.timezone=UTC',
          '-Dnode.environment=test',
          '-Dnode.id=tidemark',
        ],
        ...[`-Dnode.data-dir=${join(folder, 'data')}`, `-Dlog.levels-file=${join(folder, 'log.properties')}`],
        ...[`-Dconfig=${join(folder, 'config.properties')}`, `-Dcatalog.config-dir=${join(folder, 'catalog')}`],
        ...['-cp', `${join(installed, 'launch')}:${join(installed, 'main', 'lib', '*')}`, 'Launch'],
      ],
      cwd: folder,
      logFile: join(folder, 'log'),
      isReady: () => answersHttp(`${address}/v1/info`),
      deadlineMs: 180_000,
    });
    const query = (sql: string) => run(address, sql);
    // It answers before it has anybody to do the work.
    const endMs = Date.now() + 60_000;
    while (!(await query('SELECT count(*) FROM system.runtime.nodes').then(() => true, () => false))) {
      if (Date.now() > endMs) throw new Error(`trino does no work; the end of its log:\n${server.log()}`);
      await sleep(200);
    } // biome-ignore format: one question
    return {
      query,
      stop: async () => {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

/** A JDK that is installed; nothing is downloaded for it. */
function newestJava(): string {
  const root = '/usr/lib/jvm';
  const named = process.env['JAVA_HOME'];
  let folders: string[] = [];
  try {
    folders = readdirSync(root).map((name) => join(root, name));
  } catch {
    // None is installed there.
  }
  for (const folder of [...(named === undefined ? [] : [named]), ...folders]) {
    try {
      const release = readFileSync(join(folder, 'release'), 'utf8');
      if (Number(/JAVA_VERSION="(\d+)/.exec(release)?.[1]) >= leastJava) return folder;
    } catch {
      // No JDK.
    }
  }
  throw new NotToBeHad(`trino ${version} needs Java ${leastJava}, which is not installed`);
}

/** What an artifact needs at run time, as Trino's own list of versions says. */
async function jars(into: string, name: string, artifact: string): Promise<void> {
  const folder = join(into, name);
  mkdirSync(folder);
  const exclusions = ['net.snowflake', 'org.rocksdb', 'org.alluxio', 'io.grpc']
    .map((group) => `<exclusion><groupId>${group}</groupId><artifactId>*</artifactId></exclusion>`)
    .join('');
  writeFileSync(
    join(folder, 'pom.xml'),
    `<project><modelVersion>4.0.0</modelVersion><groupId>tidemark</groupId><artifactId>engines</artifactId><version>1</version>
<packaging>pom</packaging><dependencyManagement><dependencies><dependency><groupId>io.trino</groupId>
<artifactId>trino-root</artifactId><version>${version}</version><type>pom</type><scope>import</scope></dependency></dependencies>
</dependencyManagement><dependencies><dependency><groupId>io.trino</groupId><artifactId>${artifact}</artifactId>
<version>${version}</version><exclusions>${exclusions}</exclusions></dependency></dependencies></project>`,
  );
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
  const lib = join(folder, 'lib');
  await install(
    'mvn',
    ['-B', '-ntp', '-q', goal, '-DincludeScope=runtime', `-DoutputDirectory=${lib}`, '-Dmdep.prependGroupId=true'],
    { cwd: folder },
  );
}

/** The jars of Maven lack the file that names the plugin's class. */
async function plugin(java: string, into: string, name: string, className: string): Promise<void> {
  const services = join(into, name, 'services', 'META-INF', 'services');
  mkdirSync(services, { recursive: true });
  writeFileSync(join(services, 'io.trino.spi.Plugin'), `${className}\n`);
  const lib = join(into, name, 'lib');
  await install(join(java, 'bin', 'jar'), ['cf', join(lib, 'service.jar'), '-C', join(into, name, 'services'), '.']);
  mkdirSync(join(into, 'plugin'), { recursive: true });
  await install('mv', [lib, join(into, 'plugin', name)]);
}

interface StatementAnswer {
  readonly nextUri?: string;
  readonly data?: (unknown | null)[][];
  readonly error?: { readonly message: string };
}

async function run(address: string, sql: string): Promise<(string | null)[][]> {
  const headers = { 'x-trino-user': 'test', 'x-trino-client-capabilities': 'PARAMETRIC_DATETIME' };
  const rows: (string | null)[][] = [];
  let answer = await ask(() => fetch(`${address}/v1/statement`, { method: 'POST', headers, body: sql }));
  for (;;) {
    if (answer.error !== undefined) throw new Error(answer.error.message);
    for (const row of answer.data ?? []) rows.push(row.map((cell) => (cell === null ? null : String(cell))));
    const { nextUri } = answer;
    if (nextUri === undefined) return rows;
    answer = await ask(() => fetch(nextUri, { headers }));
  }
}

async function ask(request: () => Promise<Response>): Promise<StatementAnswer> {
  for (;;) {
    const response = await request();
    if (response.ok) return (await response.json()) as StatementAnswer;
    if (response.status !== 502 && response.status !== 503) throw new Error(`HTTP ${response.status}`);
    await sleep(50);
  }
}
