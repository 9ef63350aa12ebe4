import { parse as parseYaml } from 'yaml';
import { TidemarkError } from '../domain/error.ts';
import type { Files } from '../ports/world.ts';
import type { TemplateFile } from './template.ts';

/** Files of a folder of models by what they are. */
export interface ProjectFiles {
  readonly name: string;
  readonly models: readonly TemplateFile[];
  readonly properties: readonly TemplateFile[];
  /** Singular tests. */
  readonly tests: readonly TemplateFile[];
  /** Macros and generic tests. */
  readonly macros: readonly TemplateFile[];
  readonly vars: Readonly<Record<string, unknown>>;
}

const projectFile = 'dbt_project.yml';
const depthMax = 8;
const filesMax = 2000;
const bytesMax = 1_000_000;
/** What dbt writes or fetches. */
const skipped = new Set(['target', 'logs', 'dbt_packages', 'node_modules']);

/** dbt's own generic tests. */
const builtIn: TemplateFile = {
  path: 'built-in tests',
  text: `
{% test not_null(model, column_name) %}select * from {{ model }} where {{ column_name }} is null{% endtest %}
{% test unique(model, column_name) %}
select {{ column_name }}, count(*) as copies from {{ model }} where {{ column_name }} is not null
group by {{ column_name }} having count(*) > 1{% endtest %}
{% test accepted_values(model, column_name, values, quote=true) %}
select {{ column_name }}, count(*) as copies from {{ model }} where {{ column_name }} not in (
{%- for value in values %}{% if quote %}'{{ value }}'{% else %}{{ value }}{% endif %}{{ ', ' if not loop.last }}{% endfor -%}
) group by {{ column_name }}{% endtest %}
{% test relationships(model, column_name, to, field) %}
select child.{{ column_name }} from {{ model }} as child left join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
where child.{{ column_name }} is not null and parent.{{ field }} is null{% endtest %}`,
};

export function readFolder(files: Files, folder: string): ProjectFiles {
  if (!files.exists(folder)) {
    throw new TidemarkError('not-found', {
      doing: 'read the models in',
      what: folder,
      why: 'there is no such folder',
      now: 'check the setting models.folder',
    });
  }
  const all: TemplateFile[] = [];
  collect(files, folder, '', 0, all);
  const project = settingsOf(all.find((file) => file.path === projectFile));
  const inAny = (places: readonly string[]) => (file: TemplateFile) =>
    places.some((place) => place === '' || file.path.startsWith(`${place}/`));
  const isTest = inAny(project.tests);
  const isGeneric = inAny(project.tests.map((place) => `${place}/generic`));
  const isMacro = inAny(project.macros);
  const isModel = inAny(project.models);
  const sql = all.filter((file) => file.path.endsWith('.sql'));
  return {
    name: project.name,
    models: sql.filter((file) => isModel(file) && !isTest(file) && !isMacro(file)),
    properties: all.filter((file) => /\.ya?ml$/.test(file.path) && isModel(file) && file.path !== projectFile),
    tests: sql.filter((file) => isTest(file) && !isGeneric(file)),
    macros: [builtIn, ...sql.filter((file) => isMacro(file) || isGeneric(file))],
    vars: project.vars,
  };
}

function collect(files: Files, folder: string, place: string, depth: number, into: TemplateFile[]): void {
  for (const name of files.list(`${folder}${place === '' ? '' : `/${place}`}`)) {
    const path = place === '' ? name : `${place}/${name}`;
    if (name.startsWith('.') || skipped.has(name)) continue;
    if (/\.(sql|ya?ml)$/.test(name)) {
      if (into.length >= filesMax) throw tooMuch(folder, `it has more than ${filesMax} files`);
      if (files.size(`${folder}/${path}`) > bytesMax) throw tooMuch(`${folder}/${path}`, 'it is larger than 1 MB');
      into.push({ path, text: new TextDecoder().decode(files.read(`${folder}/${path}`)) });
    } else if (!name.includes('.')) {
      if (depth >= depthMax) throw tooMuch(`${folder}/${path}`, 'it lies too deep');
      if (isFolder(files, `${folder}/${path}`)) collect(files, folder, path, depth + 1, into);
    }
  }
}

function isFolder(files: Files, path: string): boolean {
  try {
    files.list(path);
    return true;
  } catch {
    return false;
  }
}

function tooMuch(what: string, why: string): TidemarkError {
  return new TidemarkError('model-invalid', { doing: 'read the models in', what, why });
}

interface ProjectSettings {
  readonly name: string;
  readonly models: readonly string[];
  readonly tests: readonly string[];
  readonly macros: readonly string[];
  readonly vars: Readonly<Record<string, unknown>>;
}

/** Without a project file every SQL file outside `tests` and `macros` is a model. */
function settingsOf(file: TemplateFile | undefined): ProjectSettings {
  const given = file === undefined ? {} : (readYaml(file) as Record<string, unknown>);
  const places = (key: string, usual: readonly string[]) => {
    const value = given[key];
    if (!Array.isArray(value)) return usual;
    return value.map((one) => String(one).replace(/^\.\/?|\/+$/g, ''));
  };
  const name = typeof given['name'] === 'string' ? given['name'] : 'models';
  const vars = (given['vars'] ?? {}) as Record<string, unknown>;
  const own = vars[name];
  return {
    name,
    models: places('model-paths', file === undefined ? [''] : ['models']),
    tests: places('test-paths', ['tests']),
    macros: places('macro-paths', ['macros']),
    vars: { ...vars, ...(own !== null && typeof own === 'object' ? own : {}) },
  };
}

export function readYaml(file: TemplateFile): unknown {
  try {
    return parseYaml(file.text, { uniqueKeys: true }) ?? {};
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0]!.replace(/:$/, '') : String(cause);
    throw new TidemarkError('model-invalid', { doing: 'read', what: file.path, why, now: 'mend the YAML' });
  }
}
