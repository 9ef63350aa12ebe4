import { imports, type SourceFile } from './source-file.ts';

/** Every way round: files that import each other directly or through others, types included. One circle per knot. */
export function importCircles(files: readonly SourceFile[]): string[][] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const targets = (path: string): string[] => {
    const file = byPath.get(path);
    if (file === undefined) return [];
    return imports(file).flatMap(({ target }) => (target !== undefined && byPath.has(target) ? [target] : []));
  };
  const done = new Set<string>();
  const circles: string[][] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      circles.push([...trail.slice(at), path]);
      return;
    }
    if (done.has(path)) return;
    for (const target of targets(path)) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return circles;
}
