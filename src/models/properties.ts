import { z } from 'zod';
import { invalid } from './invalid.ts';
import type { ModelColumn } from './model.ts';
import { readYaml } from './project-files.ts';
import type { TemplateFile } from './template.ts';

/** A test as a YAML file asks for it. */
export interface AskedTest {
  readonly test: string;
  readonly column: string | undefined;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly severity: 'error' | 'warn';
  readonly where: string | undefined;
}

/** What a YAML file says of a model. */
export interface ModelProperties {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly columns: readonly ModelColumn[];
  readonly tests: readonly AskedTest[];
}

const asked = z.union([z.string(), z.record(z.string(), z.record(z.string(), z.unknown()).nullable())]);
const column = z.object({
  name: z.string(),
  description: z.string().default(''),
  data_type: z.string().optional(),
  tests: z.array(asked).default([]),
  data_tests: z.array(asked).default([]),
});
const properties = z.object({
  models: z
    .array(
      z.object({
        name: z.string(),
        description: z.string().default(''),
        config: z.record(z.string(), z.unknown()).default({}),
        columns: z.array(column).default([]),
        tests: z.array(asked).default([]),
        data_tests: z.array(asked).default([]),
      }),
    )
    .default([]),
});

export function readProperties(file: TemplateFile): ModelProperties[] {
  const parsed = properties.safeParse(readYaml(file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalid(file.path, `${issue.path.join('.') || 'it'}: ${issue.message}`);
  }
  return parsed.data.models.map((model) => ({
    name: model.name,
    path: file.path,
    description: model.description.trim(),
    config: model.config,
    columns: model.columns.map(({ name, description, data_type }) => ({
      name,
      description: description.trim(),
      type: data_type,
    })),
    tests: [
      ...[...model.tests, ...model.data_tests].map((one) => askedTest(one, undefined)),
      ...model.columns.flatMap((one) => [...one.tests, ...one.data_tests].map((test) => askedTest(test, one.name))),
    ],
  }));
}

/** Arguments stand under `arguments`, or beside `config` as older versions of dbt have them. */
function askedTest(given: z.infer<typeof asked>, column: string | undefined): AskedTest {
  if (typeof given === 'string') return { test: given, column, arguments: {}, severity: 'error', where: undefined };
  const [test, body] = Object.entries(given)[0]!;
  const { arguments: named, config, name: _name, severity, where, ...rest } = body ?? {};
  const settings = { severity, where, ...(config as Record<string, unknown> | undefined) };
  return {
    test,
    column,
    arguments: { ...rest, ...(named as Record<string, unknown> | undefined) },
    severity: String(settings.severity ?? 'error').toLowerCase() === 'warn' ? 'warn' : 'error',
    where: typeof settings.where === 'string' ? settings.where : undefined,
  };
}
