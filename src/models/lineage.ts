import type { Model } from './model.ts';

const nodeWidth = 128;
const nodeHeight = 28;
const columnGap = 36;
const rowHeight = 40;
const margin = 10;

/** A box, or a place that a longer line passes between boxes. */
interface Place {
  readonly name: string;
  readonly kind: 'table' | 'model' | 'passing';
  readonly column: number;
  /** Places in the column before it. */
  readonly from: readonly Place[];
  row: number;
}

/** What refers to what, from the tables on the left to the models on the right, as an SVG of links. */
export function lineageSvg(models: readonly Model[]): string {
  const places = placed(models);
  const columns = Math.max(0, ...places.map(({ column }) => column)) + 1;
  const rows = Math.max(0, ...places.map(({ row }) => row)) + 1;
  const width = columns * (nodeWidth + columnGap) - columnGap + 2 * margin;
  const height = rows * rowHeight - (rowHeight - nodeHeight) + 2 * margin;
  const lines = places.flatMap((place) => place.from.map((before) => line(before, place)));
  const title = `<title>Lineage: ${models.length} models</title>`;
  return `<svg class="lineage" role="img" viewBox="0 0 ${width} ${height}" width="${width}">${title}${lines.join('')}${places.map(box).join('')}</svg>`;
}

const left = ({ column }: Place): number => margin + column * (nodeWidth + columnGap);
const middle = ({ row }: Place): number => margin + row * rowHeight + nodeHeight / 2;

function line(from: Place, to: Place): string {
  const [x1, y1, x2, y2] = [left(from) + nodeWidth, middle(from), left(to), middle(to)];
  const onward = to.kind === 'passing' ? `H${x2 + nodeWidth}` : '';
  const bend = columnGap / 2;
  return `<path class="edge" d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}${onward}"/>`;
}

function box(place: Place): string {
  if (place.kind === 'passing') return '';
  const [x, y] = [left(place), middle(place)];
  const shape = `<rect x="${x}" y="${y - nodeHeight / 2}" width="${nodeWidth}" height="${nodeHeight}" rx="4"/>`;
  const label = `<text x="${x + nodeWidth / 2}" y="${y + 4}">${place.name}</text>`;
  if (place.kind === 'table') return `<g class="node table">${shape}${label}</g>`;
  return `<a class="node model" href="#${place.name}">${shape}${label}</a>`;
}

/** A column right after the last of what it reads; in a column, near the middle of what it reads. */
function placed(models: readonly Model[]): Place[] {
  const columnOf = new Map<string, number>();
  for (const name of models.flatMap((model) => model.sources)) columnOf.set(name, 0);
  const inputs = (model: Model) => [...model.sources, ...model.refs];
  for (const model of models)
    columnOf.set(model.name, 1 + Math.max(...inputs(model).map((name) => columnOf.get(name)!)));
  const places = new Map<string, Place>();
  const add = (name: string, kind: Place['kind'], column: number, from: readonly Place[]): Place => {
    const place = { name, kind, column, from, row: 0 };
    places.set(kind === 'passing' ? `${name} ${column}` : name, place);
    return place;
  };
  /** Where a line from `name` enters the column after `column`; lines from one box go together. */
  const reached = (name: string, column: number): Place => {
    if (columnOf.get(name) === column) return places.get(name)!;
    return places.get(`${name} ${column}`) ?? add(name, 'passing', column, [reached(name, column - 1)]);
  };
  for (const name of [...columnOf]
    .filter(([, column]) => column === 0)
    .map(([name]) => name)
    .sort())
    add(name, 'table', 0, []);
  for (const model of models) {
    const column = columnOf.get(model.name)!;
    add(
      model.name,
      'model',
      column,
      inputs(model).map((name) => reached(name, column - 1)),
    );
  }
  const byColumn = Map.groupBy(places.values(), ({ column }) => column);
  for (const column of [...byColumn.keys()].sort((a, b) => a - b)) {
    const wish = ({ from }: Place) => from.reduce((sum, { row }) => sum + row, 0) / Math.max(1, from.length);
    const inOrder = byColumn.get(column)!.toSorted((a, b) => wish(a) - wish(b) || (a.name < b.name ? -1 : 1));
    let next = 0;
    for (const place of inOrder) {
      place.row = Math.max(next, Math.round(wish(place)));
      next = place.row + 1;
    }
  }
  return [...places.values()];
}
