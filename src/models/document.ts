import { createHash } from 'node:crypto';
import { tableNamed } from '../domain/tables/index.ts';
import type { DataFile } from '../ports/catalog.ts';
import { lineageSvg } from './lineage.ts';
import type { Model, ModelProject } from './model.ts';

/** Colours by role, for light screens and dark ones. */
const style = `
:root{color-scheme:light dark;--void:#e8ebef;--panel:#fff;--raised:#f5f7f9;--line-1:#e4e8ec;--line-2:#cbd2da;--line-3:#7d8793;--ink-1:#12161b;--ink-2:#434d59;--ink-3:#626c78;--link:#0369a1;--proof:#1a7d4b;--caution:#736000;--fault:#86104f}
@media (prefers-color-scheme:dark){:root{--void:#090b0f;--panel:#0e1116;--raised:#14181f;--line-1:#1c222a;--line-2:#2c3440;--line-3:#626d7b;--ink-1:#e6e9ed;--ink-2:#a6afba;--ink-3:#818b97;--link:#4c9aff;--proof:#78e8c4;--caution:#e9df6a;--fault:#e8579f}}
*{box-sizing:border-box}
body{margin:0;background:var(--void);color:var(--ink-1);font:14px/1.5 "IBM Plex Sans",system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 80px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:0;font-family:ui-monospace,"IBM Plex Mono",Menlo,monospace}h3{font-size:12px;margin:20px 0 6px;color:var(--ink-3);text-transform:uppercase;letter-spacing:.045em}
p{margin:6px 0;color:var(--ink-2);max-width:86ch}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--ink-1);outline-offset:2px}
section,.figure{background:var(--panel);border:1px solid var(--line-1);border-radius:6px;padding:16px 18px;margin:16px 0;overflow-x:auto}
section:target{border-color:var(--line-3)}
.facts{display:flex;flex-wrap:wrap;gap:4px 20px;color:var(--ink-3);font-size:13px;margin:6px 0}.facts b{color:var(--ink-1);font-weight:600;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line-1);vertical-align:top}th{color:var(--ink-3);font-weight:500}
td:first-child,code,pre{font-family:ui-monospace,"IBM Plex Mono",Menlo,monospace;font-size:12.5px}.type{color:var(--ink-3);white-space:nowrap}
pre{background:var(--raised);border-radius:4px;padding:12px 14px;margin:0;overflow-x:auto;line-height:1.45}
details>summary{cursor:pointer;color:var(--ink-2)}
.test{color:var(--proof)}.warn{color:var(--caution)}.problem{color:var(--fault)}
.lineage{display:block;max-width:100%;min-width:900px;height:auto}.lineage text{font:12px ui-monospace,"IBM Plex Mono",Menlo,monospace;text-anchor:middle;fill:var(--ink-1)}
.edge{fill:none;stroke:var(--line-3);stroke-width:1.2}.node rect{fill:var(--raised);stroke:var(--line-2)}.table text{fill:var(--ink-3)}.table rect{stroke-dasharray:3 3;fill:var(--panel)}
.model:hover rect{stroke:var(--link)}.model:hover text{fill:var(--link)}
@media print{body{background:#fff}section{break-inside:avoid-page}}
`;

/** The Content-Security-Policy under which the page may be served: nothing but its own style. */
export const documentPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The models as one page that stands alone: lineage, columns with types and meaning, tests, SQL, and what is published. */
export function documentModels(project: ModelProject, files: readonly DataFile[]): string {
  const { models, problems } = project;
  const broken = [...problems].map(
    ([name, error]) => `<p class="problem"><code>${text(name)}</code>: ${text(error.message)}</p>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Models of ${text(project.name)}</title><style>${style}</style></head>
<body><main>
<h1>Models</h1>
<p>${models.length} tables computed with SQL. Each is tested before it is published; dashed boxes are tables that Tidemark publishes itself.</p>
${broken.length === 0 ? '' : `<section>${broken.join('')}</section>`}
<div class="figure">${lineageSvg(models)}</div>
${models.map((model) => section(model, models, files)).join('\n')}
</main></body></html>
`;
}

function section(model: Model, models: readonly Model[], files: readonly DataFile[]): string {
  const published = files.filter((file) => file.table === model.name);
  const rows = published.reduce((sum, file) => sum + file.rows, 0);
  const days = [...new Set(published.map((file) => file.date))].sort();
  const readers = models.filter((other) => other.refs.includes(model.name)).map((other) => other.name);
  const facts = [
    published.length === 0
      ? 'nothing is published'
      : `<b>${days.length}</b> days, <b>${rows.toLocaleString('en')}</b> rows, <span>${days[0]} to ${days.at(-1)}</span>`,
    `reads ${links([...model.sources, ...model.refs])}`,
    ...(readers.length === 0 ? [] : [`read by ${links(readers)}`]),
    `<span>${text(model.path)}</span>`,
  ];
  return `<section id="${model.name}">
<h2>${model.name}</h2>
<p>${prose(model.description)}</p>
<div class="facts">${facts.map((fact) => `<span>${fact}</span>`).join('')}</div>
${columnsTable(model)}
${checksList(model)}
<h3>SQL</h3>
<details><summary>as written</summary><pre>${text(model.text.trim())}</pre></details>
<details><summary>as it runs</summary><pre>${text(model.sql)}</pre></details>
</section>`;
}

function columnsTable(model: Model): string {
  if (model.columns.length === 0) return '';
  const rows = model.columns.map(({ name, type, description }) => {
    const checks = model.checks.filter((check) => check.column === name);
    const names = checks.map(
      (check) => `<span class="${check.severity === 'warn' ? 'warn' : 'test'}">${text(short(check.name))}</span>`,
    );
    return `<tr><td>${text(name)}</td><td class="type">${text(type ?? '')}</td><td>${prose(description)}</td><td>${names.join(', ')}</td></tr>`;
  });
  return `<h3>Columns</h3><table><thead><tr><th>name</th><th>type</th><th>meaning</th><th>tests</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** `accepted_range(volume, 0)` beside the column is `accepted_range`. */
const short = (name: string): string => name.replace(/\(.*$/, '');

function checksList(model: Model): string {
  const ofTable = model.checks.filter((check) => check.column === undefined);
  if (ofTable.length === 0) return '';
  const items = ofTable.map(
    (check) =>
      `<details><summary class="${check.severity === 'warn' ? 'warn' : 'test'}">${text(check.name)}</summary><pre>${text(check.sql.trim())}</pre></details>`,
  );
  return `<h3>Tests of the table</h3>${items.join('')}`;
}

function links(names: readonly string[]): string {
  return names
    .map((name) => (tableNamed(name) === undefined ? `<a href="#${name}">${name}</a>` : `<code>${name}</code>`))
    .join(' ');
}

/** Prose with `code` in it. */
function prose(words: string): string {
  return text(words).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
