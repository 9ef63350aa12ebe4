import { edgeRow, folderOf, listeningFiles, rowOf } from '../rows.ts';
import { type Refusal, type Rule, refusal } from '../rule.ts';
import {
  children,
  type Import,
  imports,
  isContract,
  isNode,
  isTest,
  isTypeScript,
  type Node,
  walk,
} from '../source-file.ts';

/** Modules of Node that compute and touch nothing; `undefined` means every name of it. */
const pureModules: Readonly<Record<string, readonly string[] | undefined>> = {
  assert: undefined,
  'assert/strict': undefined,
  buffer: undefined,
  crypto: ['createHash', 'createHmac', 'createPublicKey', 'hash', 'timingSafeEqual', 'verify'],
  events: undefined,
  path: undefined,
  'path/posix': undefined,
  stream: undefined,
  string_decoder: undefined,
  url: undefined,
  util: undefined,
  zlib: undefined,
};

/** Packages that open files, sockets or processes by themselves. */
const edgePackages = ['ws', 'pino', 'playwright-core', '@duckdb/node-api', 'undici'];

const better = {
  time: 'take it as data, or from the World port (src/ports/world.ts)',
  timer: 'time reaches logic as pulses and events; a driver takes World.timers',
  random: 'take World.random, or a seed',
  network: 'take World.network; only an edge (row 3) or a listen.ts opens sockets',
  process: 'let cli read it and pass it in',
  print: 'throw a TidemarkError, keep a finding, or let cli print',
};

const bannedGlobals: Readonly<Record<string, string>> = {
  performance: better.time,
  setTimeout: better.timer,
  setInterval: better.timer,
  setImmediate: better.timer,
  clearTimeout: better.timer,
  clearInterval: better.timer,
  clearImmediate: better.timer,
  crypto: better.random,
  fetch: better.network,
  WebSocket: better.network,
  EventSource: better.network,
  XMLHttpRequest: better.network,
  BroadcastChannel: better.process,
  Worker: better.process,
  process: better.process,
  require: better.process,
  globalThis: 'name what you need; globals reach the outside',
  console: better.print,
};

function importRefusal(one: Import): string | undefined {
  if (one.typeOnly) return undefined;
  if (edgePackages.includes(one.specifier)) return `imports ${one.specifier}: it belongs to an edge (row 3)`;
  const builtin = /^node:(.+)$/.exec(one.specifier)?.[1];
  if (builtin === undefined) return undefined;
  if (!(builtin in pureModules)) {
    return `imports ${one.specifier}: clocks, timers, sockets, processes and files live in row 3 and cli; take a port`;
  }
  const pure = pureModules[builtin];
  const impure = pure === undefined ? [] : one.names.filter((name) => !pure.includes(name));
  return impure.length === 0 ? undefined : `imports ${impure.join(', ')} of ${one.specifier}: ${better.random}`;
}

const isFunction = (node: Node): boolean => /Function/.test(node.type) && !node.type.startsWith('TS');

/** Names that a program or function declares itself, not those of functions inside it. */
function declaredNames(scope: Node): Set<string> {
  const names = new Set<string>();
  const bind = (pattern: unknown): void => {
    if (!isNode(pattern)) return;
    if (pattern.type === 'Identifier') names.add(String(pattern['name']));
    else if (pattern.type === 'Property') bind(pattern['value']);
    else if (pattern.type === 'AssignmentPattern') bind(pattern['left']);
    else if (pattern.type === 'RestElement') bind(pattern['argument']);
    else if (pattern.type === 'TSParameterProperty') bind(pattern['parameter']);
    else
      for (const { child } of children(pattern)) if (/Pattern|Property|Rest|Identifier/.test(child.type)) bind(child);
  };
  const visit = (node: Node): void => {
    if (node.type === 'VariableDeclarator') bind(node['id']);
    else if (/^Import.*Specifier$/.test(node.type)) bind(node['local']);
    else if (node.type === 'CatchClause') bind(node['param']);
    else if (/^(Function|Class)/.test(node.type)) bind(node['id']);
    if (!isFunction(node)) for (const { child } of children(node)) visit(child);
  };
  if (Array.isArray(scope['params'])) for (const param of scope['params']) bind(param);
  for (const { child } of children(scope)) visit(child);
  return names;
}

const typeWrappers = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression', 'TSTypeAssertion']);

interface Seen {
  readonly node: Node;
  readonly parent: Node | undefined;
}

/** Identifiers that stand for a global value, each with its parent. Types, property names and declared names are left out. */
function* globals(node: Node, own: ReadonlySet<string>, parent?: Node, key?: string): Generator<Seen> {
  if (node.type.startsWith('TS') && !typeWrappers.has(node.type)) return;
  if (/^(Import|Export).*(Specifier|Declaration)$/.test(node.type) && isNode(node['source'])) return;
  if (node.type === 'Identifier') {
    const isName =
      (key === 'property' || key === 'key') && parent?.['computed'] !== true && parent?.['shorthand'] !== true;
    if (!isName && key !== 'label' && !own.has(String(node['name']))) yield { node, parent };
    return;
  }
  const inside = isFunction(node) ? new Set([...own, ...declaredNames(node)]) : own;
  for (const { key: childKey, child } of children(node)) {
    // A shorthand `{ process }` is one identifier seen twice, as key and as value.
    if (node.type === 'Property' && node['shorthand'] === true && childKey === 'key') continue;
    yield* globals(child, inside, node, childKey);
  }
}

function propertyOf(parent: Node | undefined, object: Node): string | undefined {
  if (parent?.type !== 'MemberExpression' || parent['object'] !== object || parent['computed'] === true)
    return undefined;
  const property = parent['property'];
  return isNode(property) ? String(property['name']) : undefined;
}

function identifierRefusal(node: Node, parent: Node | undefined): string | undefined {
  const name = String(node['name']);
  const property = propertyOf(parent, node);
  switch (name) {
    case 'Date': {
      if (property === 'UTC' || property === 'parse' || property === 'prototype') return undefined;
      if (parent?.type === 'NewExpression' && (parent['arguments'] as unknown[]).length > 0) return undefined;
      if (parent?.type === 'BinaryExpression' && parent['operator'] === 'instanceof') return undefined;
      const used =
        property === undefined ? (parent?.type === 'NewExpression' ? 'new Date()' : 'Date') : `Date.${property}`;
      return `uses ${used}: ${better.time}`;
    }
    case 'Math':
      if (property !== undefined && property !== 'random') return undefined;
      return `uses ${property === undefined ? 'Math as a value' : 'Math.random'}: ${better.random}`;
    case 'AbortSignal':
      return property === 'timeout' ? `uses AbortSignal.timeout: ${better.timer}` : undefined;
    case 'Atomics':
      return property === 'wait' || property === 'waitAsync' ? `uses Atomics.${property}: ${better.timer}` : undefined;
    default:
      return Object.hasOwn(bannedGlobals, name) ? `uses ${name}: ${bannedGlobals[name]}` : undefined;
  }
}

function check(file: Parameters<Rule['check']>[0]): Refusal[] {
  const program = file.program();
  if (program === undefined) return [];
  const found: Refusal[] = [];
  for (const one of imports(file)) {
    const why = importRefusal(one);
    if (why !== undefined) found.push(refusal(file, one.offset, why));
  }
  for (const { node, parent } of globals(program, declaredNames(program))) {
    const why = identifierRefusal(node, parent);
    if (why !== undefined) found.push(refusal(file, node.start, why));
  }
  for (const node of walk(program)) {
    const callee = node.type === 'CallExpression' ? node['callee'] : undefined;
    const property = isNode(callee) && callee.type === 'MemberExpression' ? callee['property'] : undefined;
    if (isNode(property) && property['name'] === 'listen') {
      found.push(
        refusal(file, node.start, `calls .listen(): ${[...listeningFiles].join(' and ')} are where listening is`),
      );
    }
  }
  return found;
}

export const outside: Rule = {
  promise: 'no clock, timer, randomness, socket, process or file outside the edges, cli and the two listening files',
  appliesTo: (path) => {
    if (!isTypeScript(path) || isTest(path) || isContract(path) || !path.startsWith('src/') || listeningFiles.has(path))
      return false;
    const folder = folderOf(path);
    return folder !== 'cli' && (folder === undefined || rowOf(folder) !== edgeRow);
  },
  check,
  mustFail: [
    ...[
      'export const now = () => Date.now();',
      'export const { now } = Date;',
      'export const now = Date.now;',
      'export const now = new Date();',
      'export const now = Date();',
      "export const now = Date['now']();",
      'export const now = performance.now();',
      'setTimeout(() => {}, 10);',
      'export const later = setInterval;',
      'setImmediate(() => {});',
      'export const r = Math.random();',
      "export const r = Math['random']();",
      'export const { random } = Math;',
      'export const id = crypto.randomUUID();',
      "import { randomBytes } from 'node:crypto';",
      "import crypto from 'node:crypto';",
      "import * as crypto from 'node:crypto';",
      "export const answer = await fetch('http://localhost');",
      "export const socket = new WebSocket('ws://localhost');",
      'export const port = process.env.PORT;',
      'const { env } = process; export { env };',
      'export const it = { process };',
      'export const p = globalThis.process;',
      "import { readFileSync } from 'node:fs';",
      "import { readFile } from 'node:fs/promises';",
      "import net from 'node:net';",
      "import { request } from 'node:http';",
      "import { setTimeout as sleep } from 'node:timers/promises';",
      "import { spawn } from 'node:child_process';",
      "import { Worker } from 'node:worker_threads';",
      "import { cpus } from 'node:os';",
      "import { DatabaseSync } from 'node:sqlite';",
      "const fs = await import('node:fs'); export { fs };",
      "export { readFileSync } from 'node:fs';",
      "import { WebSocket } from 'ws';",
      "console.log('here');",
      'export const s = AbortSignal.timeout(5);',
      'export const a = (process: string) => process; export const b = process.pid;',
      'export const f = (at = Date.now()) => at;',
      'export class A { readonly at = Date.now(); }',
      'export { fetch };',
    ].map((source) => ({ path: 'src/pipeline/a.ts', source })),
    { path: 'src/harbour/a.ts', source: 'export const now = Date.now();' },
    { path: 'src/server/a.ts', source: "import { createServer } from 'node:http'; createServer();" },
    { path: 'src/server/a.ts', source: 'export const start = (app: App) => app.listen({ port: 80 });' },
    { path: 'src/domain/a.ts', source: "import { test } from 'node:test'; test('x', () => {});" },
  ],
  mustPass: [
    { path: 'src/candles/a.ts', source: 'export const text = (us: number) => new Date(us / 1000).toISOString();' },
    { path: 'src/candles/a.ts', source: 'export const start = Date.UTC(2024, 0, 1);' },
    { path: 'src/candles/a.ts', source: 'export const isDate = (x: unknown) => x instanceof Date;' },
    { path: 'src/candles/a.ts', source: 'export const x = Math.max(1, 2);' },
    {
      path: 'src/candles/a.ts',
      source: "import { createHash } from 'node:crypto'; export const h = createHash('sha256');",
    },
    { path: 'src/candles/a.ts', source: "import { crc32 } from 'node:zlib'; export const c = crc32('a');" },
    { path: 'src/candles/a.ts', source: "import type { Server } from 'node:http'; export type S = Server;" },
    { path: 'src/pipeline/a.ts', source: 'export const stop = (world: World) => world.timers.after(10, () => {});' },
    { path: 'src/pipeline/a.ts', source: 'export const run = (o: { process: string }) => o.process;' },
    { path: 'src/pipeline/a.ts', source: 'export function run(fetch: () => void): void { fetch(); }' },
    {
      path: 'src/pipeline/a.ts',
      source: 'export interface A { readonly socket: WebSocket; setTimeout(ms: number): void }',
    },
    { path: 'src/ports/a.contract.ts', source: "import { test } from 'node:test'; test('x', () => {});" },
    { path: 'src/world/node/a.ts', source: 'export const now = () => Date.now();' },
    { path: 'src/cli/a.ts', source: 'export const env = process.env;' },
    { path: 'src/server/listen.ts', source: "import { createServer } from 'node:http'; createServer().listen(1);" },
    { path: 'src/pipeline/a.test.ts', source: 'export const now = Date.now();' },
  ],
};
