import * as jinja from '@huggingface/jinja';
import { TidemarkError } from '../domain/error.ts';

/** The parts of the package that are used; its own declarations do not resolve here. */
interface Value {
  readonly type: string;
  readonly value: unknown;
}
interface Scope {
  set(name: string, value: unknown): void;
  lookupVariable(name: string): Value;
}
interface Statement {
  readonly type: string;
  readonly callee?: { readonly type: string; readonly value?: string };
}
declare class AnyInterpreter {
  constructor(scope: Scope);
  evaluate(statement: Statement | undefined, scope: Scope): Value;
}
const { Environment, Interpreter, parse, tokenize } = jinja as unknown as {
  readonly Environment: new (parent?: Scope) => Scope;
  readonly Interpreter: typeof AnyInterpreter;
  readonly tokenize: (text: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }) => unknown;
  readonly parse: (tokens: unknown) => Statement;
};

/** Far more than any model needs, and soon over for a loop without end. */
const evaluationsMax = 50_000;
const textMax = 1_000_000;
const rangeMax = 10_000;

/** What templates may call and read. Keyword arguments come as a last object. */
export type TemplateContext = Readonly<Record<string, unknown>>;

class BoundedInterpreter extends Interpreter {
  #left = evaluationsMax;

  begin(): void {
    this.#left = evaluationsMax;
  }

  override evaluate(statement: Statement | undefined, scope: Scope): Value {
    if (this.#left-- <= 0) throw new Error('it does not come to an end');
    if (statement?.type === 'CallExpression' && statement.callee?.type === 'Identifier') {
      const name = statement.callee.value!;
      if (scope.lookupVariable(name).type === 'UndefinedValue') {
        throw new Error(`there is no function or macro ${name}`);
      }
    }
    const value = super.evaluate(statement, scope);
    if (typeof value.value === 'string' && value.value.length > textMax) throw new Error('its text grows too long');
    return value;
  }
}

/** `{% test name(…) %}` is a macro called `test_name`, as dbt has it. */
function asMacros(text: string): string {
  return text
    .replaceAll(/\{%(-?)\s*test\s+(\w+)/g, '{%$1 macro test_$2')
    .replaceAll(/\{%(-?)\s*endtest\s*(-?)%\}/g, '{%$1 endmacro $2%}');
}

/** A file of a model folder with its place in it. */
export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

/** Renders the file where the macros of all others are known. */
export function renderTemplate(file: TemplateFile, macros: readonly TemplateFile[], context: TemplateContext): string {
  const { interpreter, scope: known } = macrosOf(macros);
  const scope = new Environment(known);
  for (const [name, value] of Object.entries(context)) {
    scope.set(name, typeof value === 'function' ? withPlainArguments(value as PlainFunction) : value);
  }
  interpreter.begin();
  return inFile(file, () => String(interpreter.evaluate(parsed(file.text), scope).value));
}

interface Macros {
  readonly interpreter: BoundedInterpreter;
  readonly scope: Scope;
}
const knownMacros = new WeakMap<readonly TemplateFile[], Macros>();

/** A folder's macros, read once for all its templates: what they call is looked up where they are called. */
function macrosOf(files: readonly TemplateFile[]): Macros {
  const known = knownMacros.get(files);
  if (known !== undefined) return known;
  const scope = new Environment();
  for (const [name, value] of [
    ['true', true], ['True', true], ['false', false], ['False', false], ['none', null], ['None', null],
  ] as const) scope.set(name, value); // biome-ignore format: a table
  scope.set('range', boundedRange);
  const interpreter = new BoundedInterpreter(scope);
  for (const file of files) {
    interpreter.begin();
    inFile(file, () => interpreter.evaluate(parsed(asMacros(file.text)), scope));
  }
  knownMacros.set(files, { interpreter, scope });
  return { interpreter, scope };
}

function inFile<T>(file: TemplateFile, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidemarkError('model-invalid', { doing: 'read the template', what: file.path, why, cause });
  }
}

function parsed(text: string): Statement {
  return parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
}

function boundedRange(...bounds: number[]): number[] {
  const [from, to, step] = bounds.length === 1 ? [0, bounds[0]!, 1] : [bounds[0]!, bounds[1]!, bounds[2] ?? 1];
  if (step === 0 || !((to - from) / step <= rangeMax)) throw new Error(`a range has ${rangeMax} numbers at most`);
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, at) => from + at * step);
}

type PlainFunction = (...values: unknown[]) => unknown;

/** The interpreter hands over its own values inside lists and maps. */
function withPlainArguments(call: PlainFunction): PlainFunction {
  return (...values) => call(...values.map(plain));
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object' && 'value' in value) return plain(value.value);
  return value;
}
