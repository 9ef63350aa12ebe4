import { nearestWord } from '../domain/nearest-word.ts';
import { sqlName } from '../domain/table-sql.ts';
import { invalid } from './invalid.ts';
import type { ModelCheck } from './model.ts';
import type { ProjectFiles } from './project-files.ts';
import type { AskedTest, ModelProperties } from './properties.ts';
import { baseName, render } from './rendering.ts';
import type { TemplateFile } from './template.ts';

/** Where tests find models and tables. */
export const testSchema = 'tests';

/** Checks that a model's YAML asks for. */
export function checksOf(properties: ModelProperties, files: ProjectFiles): ModelCheck[] {
  const known = [...files.macros.flatMap((file) => [...file.text.matchAll(/\{%-?\s*test\s+(\w+)/g)].map(([, name]) => name!))]; // biome-ignore format: one line
  return properties.tests.map((asked) => {
    if (!known.includes(asked.test)) {
      const near = nearestWord(asked.test, known);
      throw invalid(
        properties.path,
        `there is no test ${asked.test}`,
        near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`,
      );
    }
    return genericCheck(properties, asked, files);
  });
}

function genericCheck(properties: ModelProperties, asked: AskedTest, files: ProjectFiles): ModelCheck {
  const relation = `${sqlName(testSchema)}.${sqlName(properties.name)}`;
  const given: Record<string, unknown> = {
    model: asked.where === undefined ? relation : `(select * from ${relation} where ${asked.where}) as rows_of_test`,
    ...(asked.column === undefined ? {} : { column_name: asked.column }),
  };
  const refs = new Set([properties.name]);
  const sources = new Set<string>();
  for (const [name, value] of Object.entries(asked.arguments)) {
    given[name] = value;
    if (typeof value !== 'string' || !/^\s*(\{\{|(ref|source)\()/.test(value)) continue;
    const text = value.includes('{{') ? value : `{{ ${value} }}`;
    const rendered = render({ path: properties.path, text }, files, testSchema);
    given[name] = rendered.sql;
    for (const ref of rendered.refs) refs.add(ref);
    for (const source of rendered.sources) sources.add(source);
  }
  const call = Object.keys(given).map((name) => `${name}=given_${name}`);
  const context = Object.fromEntries(Object.entries(given).map(([name, value]) => [`given_${name}`, value]));
  const text = `{{ test_${asked.test}(${call.join(', ')}) }}`;
  const rendered = render({ path: properties.path, text }, files, testSchema, context);
  for (const ref of rendered.refs) refs.add(ref);
  for (const source of rendered.sources) sources.add(source);
  const told = [asked.column, ...Object.values(asked.arguments).flat()].filter((one) => one !== undefined);
  return {
    name: told.length === 0 ? asked.test : `${asked.test}(${told.map((one) => String(one)).join(', ')})`,
    path: properties.path,
    sql: rendered.sql,
    refs: [...refs],
    sources: [...sources],
    severity: asked.severity,
    column: asked.column,
  };
}

/** A test in a file of its own. */
export function singularCheck(file: TemplateFile, files: ProjectFiles): ModelCheck {
  const { sql, refs, sources, config } = render(file, files, testSchema);
  if (refs.length === 0) throw invalid(file.path, 'the test names no model', "write ref('…')");
  const severity = String(config['severity'] ?? 'error').toLowerCase() === 'warn' ? 'warn' : 'error';
  return { name: baseName(file.path), path: file.path, sql, refs, sources, severity, column: undefined };
}
