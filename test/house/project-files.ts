import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SourceFile, sourceFile } from './source-file.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const binary = /\.(png|jpe?g|gif|ico|woff2?|gz|zst|zip|parquet|bin|pem)$/;

/** Tracked files and new ones that nothing ignores; without git, all files outside what a build makes. */
function paths(): string[] {
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\0')
      .filter((path) => path !== '');
  } catch {
    const made = /(^|\/)(node_modules|dist|data|\.git)(\/|$)/;
    return globSync('**/*', { cwd: root, exclude: (path) => made.test(path) });
  }
}

/** Every text file of the project. */
export function projectFiles(): SourceFile[] {
  return paths()
    .filter((path) => !binary.test(path) && existsSync(join(root, path)) && statSync(join(root, path)).isFile())
    .map((path) => sourceFile(path.replaceAll('\\', '/'), readFileSync(join(root, path), 'utf8')));
}
