// How engines are installed: each from a public package registry, at a pinned version, into a folder of the cache.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NotToBeHad } from './suite.ts';

const keptOutput = 4000;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command that installs something, gently; fails with `NotToBeHad` and the end of what it printed. */
export function install(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('nice', ['-n', '10', command, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-keptOutput);
      });
    }
    child.on('error', (error) => reject(new NotToBeHad(`${command} cannot be run: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) return resolve(output);
      const last = output.trim().split('\n').slice(-3).join(' ').slice(-300);
      reject(new NotToBeHad(`${command} ${args[0] ?? ''} ended with ${code}: ${last}`));
    });
  });
}

/** Unpacks one Python wheel, `name==version`, without what it depends on. */
export async function wheel(folder: string, pin: string): Promise<void> {
  const downloads = join(folder, 'downloads');
  await install('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '--no-cache-dir', '-d', downloads, pin]);
  for (const file of readdirSync(downloads)) {
    await install('python3', ['-m', 'zipfile', '-e', join(downloads, file), folder]);
  }
  rmSync(downloads, { recursive: true });
}

/** A Python environment `folder/env` with these packages; `constraints` are lines of a pip constraints file. */
export async function pythonEnvironment(
  folder: string,
  pins: readonly string[],
  constraints: readonly string[] = [],
): Promise<void> {
  const env = join(folder, 'env');
  await install('python3', ['-m', 'venv', env]);
  const file = join(folder, 'constraints.txt');
  writeFileSync(file, `${constraints.join('\n')}\n`);
  const pip = join(env, 'bin', 'python');
  await install(pip, [
    '-m',
    'pip',
    'install',
    '-q',
    '--no-cache-dir',
    '--no-warn-script-location',
    '-c',
    file,
    ...pins,
  ]);
}

/** Builds a Go program, `module/path@version`, into `folder`. */
export async function goInstall(folder: string, pin: string): Promise<void> {
  await install('go', ['install', '-ldflags=-s -w', pin], { env: { GOBIN: folder, GOFLAGS: '-p=1' } });
}

const mavenCopy = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';

/** Copies one artifact, `group:name:version:type`, into `folder`, without what it depends on. */
export async function mavenArtifact(folder: string, pin: string): Promise<void> {
  const project = join(folder, 'project');
  mkdirSync(project, { recursive: true });
  writeFileSync(
    join(project, 'pom.xml'),
    `<project><modelVersion>4.0.0</modelVersion><groupId>tidemark</groupId><artifactId>engines</artifactId>
<version>1</version><packaging>pom</packaging></project>`,
  );
  const args = ['-B', '-ntp', '-q', mavenCopy, `-Dartifact=${pin}`, `-DoutputDirectory=${folder}`];
  await install('mvn', args, { cwd: project });
  rmSync(project, { recursive: true });
}

/** Unpacks Debian packages below `folder` as they would lie below `/`; nothing is installed. */
export async function debianPackages(folder: string, names: readonly string[]): Promise<void> {
  const downloads = join(folder, 'downloads');
  mkdirSync(downloads, { recursive: true });
  const download = () => install('apt-get', ['-qq', 'download', ...names], { cwd: downloads });
  // Without the lists of packages there is nothing to download from.
  await download().catch(async () => {
    await install('apt-get', ['-qq', 'update']);
    await download();
  });
  for (const file of readdirSync(downloads)) await install('dpkg', ['-x', join(downloads, file), folder]);
  rmSync(downloads, { recursive: true });
}
