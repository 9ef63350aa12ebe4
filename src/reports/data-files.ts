import { formatScaled } from '../domain/decimal.ts';
import type { ResultColumn } from '../ports/warehouse.ts';
import type { Bar, ReportFigures } from './figures.ts';
import { depthBands, productScale, valueScale } from './figures.ts';

/** Rows that stand beside a report, for programs. */
export interface DataTable {
  readonly name: string;
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
}

type Cell = string | number | undefined;
type Columns = Readonly<Record<string, string>>;

const time = 'TIMESTAMP WITH TIME ZONE';
const value = 'DECIMAL(38,8)';
const product = 'DECIMAL(38,16)';

/** Every table of a report; those without rows are there too, so that a reader need not ask which exist. */
export function dataTables(figures: ReportFigures): DataTable[] {
  const { dataKind } = figures;
  const define = (name: string, columns: Columns, rows: readonly (readonly Cell[])[]): DataTable => ({
    name,
    // What is not real says so in every row, wherever the file goes.
    columns: [...Object.entries(columns), ['data_kind', 'VARCHAR']].map(([column, type]) => ({
      name: column!,
      type: type!,
    })),
    rows: rows.map((row) => [...row.map((cell) => (cell === undefined ? null : String(cell))), dataKind]),
  });
  const shared = [
    define(
      'completeness',
      {
        instrument: 'VARCHAR',
        stream: 'VARCHAR',
        rows: 'BIGINT',
        recorded_from: time,
        recorded_to: time,
        ids_held: 'BIGINT',
        ids_existed: 'BIGINT',
        known_seconds: 'DOUBLE',
        gaps: 'BIGINT',
      },
      figures.streams.map((stream) => [
        stream.instrument,
        stream.stream,
        stream.records,
        iso(stream.fromUs),
        iso(stream.toUs),
        stream.held?.ids,
        stream.held?.of,
        stream.knownUs / 1e6,
        stream.gaps.length,
      ]),
    ),
    define(
      'gaps',
      {
        instrument: 'VARCHAR',
        stream: 'VARCHAR',
        opened_at: time,
        closed_at: time,
        ids: 'BIGINT',
        missing_ids: 'BIGINT',
        by_aggregate_ids: 'BIGINT',
        state: 'VARCHAR',
        reason: 'VARCHAR',
        tried: 'VARCHAR',
      },
      figures.gaps.map((gap) => [
        gap.instrument,
        gap.stream,
        iso(gap.openedAtUs),
        gap.closedAtUs === undefined ? undefined : iso(gap.closedAtUs),
        gap.ids,
        gap.missingIds,
        gap.byAggregateIds,
        gap.state,
        gap.reason,
        gap.tried,
      ]),
    ),
    define(
      'findings',
      {
        instrument: 'VARCHAR',
        code: 'VARCHAR',
        stream: 'VARCHAR',
        count: 'BIGINT',
        first_at: time,
        last_at: time,
        detail: 'VARCHAR',
      },
      figures.findings.map((finding) => [
        finding.instrument,
        finding.code,
        finding.stream,
        finding.count,
        iso(finding.firstUs),
        iso(finding.lastUs),
        finding.detail,
      ]),
    ),
    define(
      'market',
      {
        instrument: 'VARCHAR',
        base_asset: 'VARCHAR',
        quote_asset: 'VARCHAR',
        ...barColumns,
        volatility_yearly: 'DOUBLE',
        spread_bps: 'DOUBLE',
        correlation: 'DOUBLE',
        correlation_returns: 'BIGINT',
      },
      figures.peers.map((row) => [
        row.fact.instrument,
        row.fact.baseAsset,
        row.fact.quoteAsset,
        ...barCells(row.bar),
        row.volatility?.yearly,
        row.spreadBps,
        row.correlation?.value,
        row.correlation?.pairs,
      ]),
    ),
  ];
  if (figures.about === 'market') {
    const { closes, correlations } = figures;
    return [
      ...shared,
      define(
        'correlations',
        { instrument: 'VARCHAR', other: 'VARCHAR', correlation: 'DOUBLE', returns: 'BIGINT' },
        correlations.flatMap((cells, row) =>
          cells.flatMap((cell, column) =>
            column <= row ? [] : [[closes[row]!.instrument, closes[column]!.instrument, cell?.value, cell?.pairs]],
          ),
        ),
      ),
    ];
  }
  const { bars, profile, spread, depth } = figures;
  return [
    define('candles', barColumns, bars.map(barCells)),
    define(
      'volume-profile',
      { price_from: value, price_to: value, volume: value, taker_buy_volume: value },
      (profile?.bins ?? []).map((bin) => [
        formatScaled(bin.index * profile!.step, valueScale),
        formatScaled((bin.index + 1n) * profile!.step, valueScale),
        formatScaled(bin.volume, valueScale),
        formatScaled(bin.takerBuyVolume, valueScale),
      ]),
    ),
    define(
      'spread',
      { opened_at: time, known_seconds: 'BIGINT', mean_bps: 'DOUBLE', worst_bps: 'DOUBLE' },
      spread.map((bucket) => [iso(bucket.openedAtUs), bucket.knownSeconds, bucket.meanBps, bucket.worstBps]),
    ),
    define(
      'depth',
      {
        at: time,
        ...Object.fromEntries(
          depthBands.flatMap((band) => [
            [`bids_${band}_bps`, 'DOUBLE'],
            [`asks_${band}_bps`, 'DOUBLE'],
          ]),
        ),
      },
      depth.map((sample) => [iso(sample.atUs), ...depthBands.flatMap((_, at) => [sample.bids[at], sample.asks[at]])]),
    ),
    ...shared,
  ];
}

const barColumns: Columns = {
  opened_at: time, closed_at: time, open: value, high: value, low: value, close: value, volume: value, quote_volume: product,
  trade_count: 'BIGINT', taker_buy_volume: value, taker_buy_quote_volume: product, first_trade_id: 'BIGINT', last_trade_id: 'BIGINT',
  state: 'VARCHAR', marks: 'VARCHAR', source: 'VARCHAR',
}; // biome-ignore format: a table

function barCells(bar: Bar): Cell[] {
  const exact = (scaled: bigint) => formatScaled(scaled, valueScale);
  return [
    iso(bar.openedAtUs),
    iso(bar.endUs),
    exact(bar.open),
    exact(bar.high),
    exact(bar.low),
    exact(bar.close),
    exact(bar.volume),
    formatScaled(bar.quoteVolume, productScale),
    bar.tradeCount,
    exact(bar.takerBuyVolume),
    formatScaled(bar.takerBuyQuoteVolume, productScale),
    bar.firstTradeId,
    bar.lastTradeId,
    bar.state,
    bar.marks.join(','),
    bar.source,
  ];
}

/** ISO 8601 in UTC with the microseconds that there are. */
function iso(atUs: number): string {
  const text = new Date(Math.floor(atUs / 1000)).toISOString().slice(0, -1);
  const micros = atUs % 1000;
  return `${text}${micros === 0 ? '' : String(micros).padStart(3, '0')}Z`;
}

/** RFC 4180, a header first; null is nothing, empty text is `""`. A cell that a spreadsheet would run as a formula is quoted away. */
export function csvOf({ columns, rows }: DataTable): string {
  const lines = [columns.map(({ name }) => name), ...rows];
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(cell: string | null): string {
  if (cell === null) return '';
  const text = /^[=+@\t\r]|^-(?![\d.])/.test(cell) ? `'${cell}` : cell;
  return text === '' || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
