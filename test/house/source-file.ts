import { posix } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

/** A node of the syntax tree, as loosely typed as rules need it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A file as rules see it: its path from the root of the clone, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Parsed on first use; undefined for files that are not TypeScript. */
  program(): Node | undefined;
}

export function isTypeScript(path: string): boolean {
  return /\.tsx?$/.test(path);
}

/** Tests, and what serves them alone beside the code: `server.test-view.ts`, `lake-fixture.ts`. */
export function isTest(path: string): boolean {
  return /\.test(-[\w-]+)?\.tsx?$/.test(path) || /[-.]fixture\.ts$/.test(path) || path.startsWith('test/');
}

/** A contract's suite of promises: test code that lies beside the contract. */
export function isContract(path: string): boolean {
  return /\.contract\.ts$/.test(path);
}

export function sourceFile(path: string, text: string): SourceFile {
  let program: Node | undefined;
  return {
    path,
    text,
    program() {
      if (!isTypeScript(path)) return undefined;
      program ??= parseAst(text, { lang: path.endsWith('.tsx') ? 'tsx' : 'ts' }) as unknown as Node;
      return program;
    },
  };
}

export function lineOf(file: SourceFile, offset: number): number {
  let line = 1;
  for (let at = file.text.indexOf('\n'); at >= 0 && at < offset; at = file.text.indexOf('\n', at + 1)) line++;
  return line;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

export function* children(node: Node): Generator<{ readonly key: string; readonly child: Node }> {
  for (const [key, value] of Object.entries(node)) {
    if (isNode(value)) yield { key, child: value };
    else if (Array.isArray(value)) for (const one of value) if (isNode(one)) yield { key, child: one };
  }
}

/** Every node, parents first. */
export function* walk(node: Node): Generator<Node> {
  yield node;
  for (const { child } of children(node)) yield* walk(child);
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path from the root of the clone when the specifier is relative. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
  readonly names: readonly string[];
  readonly offset: number;
}

/** Everything a file imports or re-exports, types included, `import('…')` in all its forms too. */
export function imports(file: SourceFile): Import[] {
  const program = file.program();
  if (program === undefined) return [];
  const found: Import[] = [];
  for (const node of walk(program)) {
    const source = node['source'];
    if (!isNode(source) || typeof source['value'] !== 'string') continue;
    const specifier = source['value'];
    const specifiers = (Array.isArray(node['specifiers']) ? node['specifiers'] : []) as Node[];
    const typeOnly =
      node.type === 'TSImportType' ||
      node['importKind'] === 'type' ||
      node['exportKind'] === 'type' ||
      (specifiers.length > 0 && specifiers.every((one) => (one['importKind'] ?? one['exportKind']) === 'type'));
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : undefined;
    const names = specifiers.map((one) => {
      const imported = one['imported'] ?? one['local'];
      return one.type === 'ImportSpecifier' && isNode(imported) ? String(imported['name']) : '*';
    });
    found.push({ specifier, target, typeOnly, names, offset: node.start });
  }
  return found;
}
