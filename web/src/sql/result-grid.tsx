import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { SqlAnswer } from '../../../src/protocol/api.ts';
import { Spacer } from '../shell/spacer.tsx';
import {
  type CellKind,
  type CopyFormat,
  copyText,
  figureParts,
  instantText,
  isNumeric,
  kindOf,
  sortedRows,
  typeText,
} from './cells.ts';

const rowHeight = 21;
const leastWidth = 48;
const widthSample = 200;

interface Place {
  readonly row: number;
  readonly column: number;
}

/** Wide enough for what the first rows hold. */
function startWidth(answer: SqlAnswer, column: number): number {
  const { name, type } = answer.columns[column]!;
  const isTime = kindOf(type) === 'time';
  const lengthOf = (text: string | null): number =>
    text === null ? 4 : isTime ? instantText(text).length : text.length;
  let letters = Math.max(name.length, typeText(type).length * 0.82);
  for (const row of answer.rows.slice(0, widthSample))
    letters = Math.max(letters, Math.min(60, lengthOf(row[column] ?? null)));
  return Math.round(Math.max(64, Math.min(380, letters * 7.4 + 24)));
}

function CellText({ text, kind }: { text: string | null; kind: CellKind }) {
  if (text === null) return <span className="cell-none">null</span>;
  if (kind === 'integer' || kind === 'decimal') {
    const [kept, zeros] = figureParts(text, kind);
    return zeros === '' ? (
      kept
    ) : (
      <>
        {kept}
        <span className="cell-zeros">{zeros}</span>
      </>
    );
  }
  return kind === 'time' ? instantText(text) : text;
}

/** Rows of an answer, exact, drawn only where they are seen; cells are chosen by keys or pointer and copied as they came. */
export function ResultGrid({
  answer,
  isOld,
  onCopied,
}: {
  answer: SqlAnswer;
  isOld: boolean;
  onCopied: (what: string) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const table = useRef<HTMLTableElement>(null);
  const [sort, setSort] = useState<{ column: number; descending: boolean }>();
  const [widths, setWidths] = useState<readonly number[]>([]);
  const [anchor, setAnchor] = useState<Place>({ row: 0, column: 0 });
  const [head, setHead] = useState<Place>({ row: 0, column: 0 });
  const { columns, rows } = answer;
  const kinds = useMemo(() => columns.map(({ type }) => kindOf(type)), [columns]);
  useEffect(() => {
    setSort(undefined);
    setWidths(answer.columns.map((_, column) => startWidth(answer, column)));
    setAnchor({ row: 0, column: 0 });
    setHead({ row: 0, column: 0 });
    box.current?.scrollTo({ top: 0, left: 0 });
  }, [answer]);
  const order = useMemo(
    () => (sort === undefined ? undefined : sortedRows(rows, sort.column, kinds[sort.column]!, sort.descending)),
    [rows, kinds, sort],
  );
  const rowAt = (at: number): readonly (string | null)[] => rows[order?.[at] ?? at] ?? [];
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const range = {
    top: Math.min(anchor.row, head.row),
    bottom: Math.max(anchor.row, head.row),
    left: Math.min(anchor.column, head.column),
    right: Math.max(anchor.column, head.column),
  };
  const isWide = range.top !== range.bottom || range.left !== range.right;

  const copy = (format: CopyFormat, all: boolean): void => {
    const part = all ? { top: 0, bottom: rows.length - 1, left: 0, right: columns.length - 1 } : range;
    const cells: (readonly (string | null)[])[] = [];
    for (let at = part.top; at <= part.bottom; at++) cells.push(rowAt(at).slice(part.left, part.right + 1));
    const single = cells.length === 1 && part.left === part.right && !all;
    const text = single ? (cells[0]![0] ?? '') : copyText(columns.slice(part.left, part.right + 1), cells, format);
    const count = cells.length * (part.right - part.left + 1);
    void navigator.clipboard?.writeText(text).then(
      () =>
        onCopied(
          single
            ? 'the cell'
            : `${count} cells as ${format === 'csv' ? 'CSV' : format === 'values' ? 'SQL values' : 'Markdown'}`,
        ),
      () => onCopied(''),
    );
  };
  const moveTo = (place: Place, extend: boolean): void => {
    const row = Math.max(0, Math.min(rows.length - 1, place.row));
    const column = Math.max(0, Math.min(columns.length - 1, place.column));
    setHead({ row, column });
    if (!extend) setAnchor({ row, column });
    virtual.scrollToIndex(row);
    table.current
      ?.querySelector(`th[data-column="${column}"]`)
      ?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / rowHeight) - 2);
    const { row, column } = head;
    const key = event.key;
    if (event.altKey && (key === 'ArrowLeft' || key === 'ArrowRight'))
      resize(column, (widths[column] ?? 120) + (key === 'ArrowLeft' ? -16 : 16));
    else if (key === 's' && !isCommand) toggle(column);
    else if (isCommand && key.toLowerCase() === 'c') copy(event.shiftKey ? 'markdown' : 'csv', false);
    else if (isCommand && key.toLowerCase() === 'a') {
      setAnchor({ row: 0, column: 0 });
      setHead({ row: rows.length - 1, column: columns.length - 1 });
    } else if (key === 'ArrowDown') moveTo({ row: row + 1, column }, event.shiftKey);
    else if (key === 'ArrowUp') moveTo({ row: row - 1, column }, event.shiftKey);
    else if (key === 'ArrowRight') moveTo({ row, column: column + 1 }, event.shiftKey);
    else if (key === 'ArrowLeft') moveTo({ row, column: column - 1 }, event.shiftKey);
    else if (key === 'PageDown') moveTo({ row: row + page, column }, event.shiftKey);
    else if (key === 'PageUp') moveTo({ row: row - page, column }, event.shiftKey);
    else if (key === 'Home') moveTo({ row: isCommand ? 0 : row, column: 0 }, event.shiftKey);
    else if (key === 'End')
      moveTo({ row: isCommand ? rows.length - 1 : row, column: columns.length - 1 }, event.shiftKey);
    else return;
    event.preventDefault();
  };
  const placeOf = (target: EventTarget): Place | undefined => {
    const cell = (target as HTMLElement).closest('td');
    const row = cell?.parentElement?.dataset['row'];
    const column = cell?.dataset['column'];
    return row === undefined || column === undefined ? undefined : { row: Number(row), column: Number(column) };
  };
  const onPointer = (event: PointerEvent): void => {
    const place = placeOf(event.target);
    if (place === undefined || (event.type === 'pointermove' && event.buttons !== 1)) return;
    setHead(place);
    if (event.type === 'pointerdown' && !event.shiftKey) setAnchor(place);
  };
  const toggle = (column: number): void =>
    setSort(
      sort?.column !== column
        ? { column, descending: false }
        : sort.descending
          ? undefined
          : { column, descending: true },
    );
  const resize = (column: number, width: number): void =>
    setWidths(widths.map((held, at) => (at === column ? Math.max(leastWidth, width) : held)));
  const numberWidth = String(rows.length).length * 7.4 + 30;
  const total = widths.reduce((sum, width) => sum + width, numberWidth);
  return (
    <>
      <div className="listing result" ref={box} data-old={isOld} data-testid="sql-result">
        <table
          ref={table}
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: cells are chosen in it, by keys and by pointer
          role="grid"
          tabIndex={0}
          style={{ width: `${total}px` }}
          aria-label="Rows of the answer; arrow keys choose cells, Ctrl C copies them, s sorts by the column, Alt with an arrow makes it wider or narrower"
          aria-rowcount={rows.length + 1}
          aria-colcount={columns.length + 1}
          aria-activedescendant={
            items.some((item) => item.index === head.row) ? `cell-${head.row}-${head.column}` : undefined
          }
          aria-multiselectable="true"
          onKeyDown={onKeyDown}
          onPointerDown={onPointer}
          onPointerMove={onPointer}
        >
          <colgroup>
            <col style={{ width: `${numberWidth}px` }} />
            {columns.map((column, at) => (
              <col key={`${at} ${column.name}`} style={{ width: `${widths[at] ?? 120}px` }} />
            ))}
          </colgroup>
          <thead>
            <tr>
              <th scope="col" className="right">
                <span className="visually-hidden">Row</span>
              </th>
              {columns.map((column, at) => (
                <th
                  key={`${at} ${column.name}`}
                  scope="col"
                  data-column={at}
                  className={isNumeric(kinds[at]!) ? 'right' : ''}
                  aria-sort={sort?.column !== at ? 'none' : sort.descending ? 'descending' : 'ascending'}
                >
                  <button type="button" tabIndex={-1} onClick={() => toggle(at)}>
                    {column.name}
                    {sort?.column === at && (sort.descending ? ' ▾' : ' ▴')}
                    <small>
                      {typeText(column.type)}
                      {kinds[at] === 'time' && ', UTC'}
                    </small>
                  </button>
                  <ColumnEdge width={widths[at] ?? 120} onResize={(width) => resize(at, width)} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Spacer height={items[0]?.start ?? 0} />
            {items.map((item) => {
              const row = rowAt(item.index);
              const inRange = item.index >= range.top && item.index <= range.bottom;
              return (
                <tr key={item.key} data-row={item.index} aria-rowindex={item.index + 2}>
                  <td className="right row-number">{item.index + 1}</td>
                  {columns.map((column, at) => {
                    const isChosen = inRange && at >= range.left && at <= range.right;
                    return (
                      // biome-ignore lint/a11y/useAriaPropsSupportedByRole: a cell of a grid can be chosen
                      <td
                        key={`${at} ${column.name}`}
                        id={`cell-${item.index}-${at}`}
                        data-column={at}
                        className={isNumeric(kinds[at]!) ? 'right' : ''}
                        aria-selected={isChosen}
                        data-head={item.index === head.row && at === head.column}
                        title={(row[at] ?? '').length > 40 ? (row[at] ?? '') : undefined}
                      >
                        <CellText text={row[at] ?? null} kind={kinds[at]!} />
                      </td>
                    );
                  })}
                </tr>
              );
            })}
            <Spacer height={virtual.getTotalSize() - (items.at(-1)?.end ?? 0)} />
          </tbody>
        </table>
      </div>
      <div className="result-copy" role="toolbar" aria-label="Copy">
        <span className="dim">{isWide ? 'Copy chosen' : 'Copy all'}</span>
        {(['csv', 'markdown', 'values'] as const).map((format) => (
          <button key={format} type="button" className="button" onClick={() => copy(format, !isWide)}>
            {format === 'csv' ? 'CSV' : format === 'markdown' ? 'Markdown' : 'SQL values'}
          </button>
        ))}
      </div>
    </>
  );
}

/** The edge of a column, dragged to make it wider or narrower. */
function ColumnEdge({ width, onResize }: { width: number; onResize: (width: number) => void }) {
  const start = useRef<{ x: number; width: number }>(undefined);
  return (
    <span
      className="column-edge"
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width };
      }}
      onPointerMove={(event) => {
        if (start.current !== undefined && event.buttons === 1)
          onResize(start.current.width + event.clientX - start.current.x);
      }}
      onPointerUp={() => {
        start.current = undefined;
      }}
    />
  );
}
