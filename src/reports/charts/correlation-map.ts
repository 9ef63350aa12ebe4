import type { Correlation } from '../../analytics/returns.ts';
import { doubleText } from '../figure-text.ts';
import { html, type Markup } from '../markup.ts';

const mostLetters = 14;

/** Correlations as a table whose cells are shaded: blue moves together, amber against each other, hatched where too little is known. */
export function correlationMap(
  all: readonly string[],
  rows: readonly (readonly (Correlation | undefined)[])[],
): Markup {
  const names = all.map((name) => (name.length > mostLetters ? `${name.slice(0, mostLetters)}…` : name));
  return html`<table class="map"><thead><tr><td></td>${names.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead><tbody>${rows.map(
    (cells, row) =>
      html`<tr><th scope="row">${names[row]}</th>${cells.map((cell, column) => {
        if (row === column) return html`<td class="self">–</td>`;
        if (cell === undefined) return html`<td class="unknown" title="too few common returns">?</td>`;
        const strength = Math.round(Math.abs(cell.value) * 10);
        return html`<td class="${cell.value < 0 ? 'against' : 'with'}-${strength}" title="${cell.pairs} common returns">${doubleText(cell.value, 2)}</td>`;
      })}</tr>`,
  )}</tbody></table>`;
}
