import { textTable } from '../output.ts';
import type { BookProof } from './book-check.ts';
import type { CandleProof, Proof } from './proof.ts';

/** What `tidemark replay --json` gives as `data`. */
export interface ReplayAnswer extends Proof {
  readonly files: readonly string[];
  readonly frames: number;
  readonly recordedFromUs: number;
  readonly recordedToUs: number;
  /** Streams of the recording that were not played: Tidemark does not record them. */
  readonly unknownStreams: readonly { readonly name: string; readonly frames: number }[];
  /** Null when it was a temporary one, which is gone. */
  readonly dataDir: string | null;
  readonly elapsedMs: number;
}

export function replayText(answer: ReplayAnswer): string {
  const { streams, gaps, findings, books, candles, venueCandles } = answer;
  const parts = [
    ...answer.files,
    `${answer.frames} frames received from ${at(answer.recordedFromUs)} to ${at(answer.recordedToUs)}, replayed in ${(answer.elapsedMs / 1000).toFixed(1)} s`,
    '',
    textTable(
      ['instrument', 'stream', 'frames', 'rows', 'first id', 'last id', 'missing ids', 'gaps'],
      streams.map((row) => [
        row.instrument,
        row.stream,
        ...[row.frames, row.rows, row.firstId, row.lastId, row.missingIds, row.gaps].map(cell),
      ]),
    ),
  ];
  if (books.length > 0) parts.push('', ...books.map(bookText));
  if (candles.length > 0) parts.push('', ...candleTexts(candles));
  for (const { instrument, interval, compared, equal } of venueCandles) {
    parts.push(`${equal} of ${compared} ${interval} candles of ${instrument} equal the venue's own`);
  }
  if (gaps.length > 0) {
    parts.push(
      '',
      textTable(
        ['gap in', 'stream', 'from id', 'to id', 'ids', 'state', 'reason'],
        gaps.map((gap) => [
          gap.instrument,
          gap.stream,
          cell(gap.fromId),
          cell(gap.toId),
          cell(gap.fromId === null || gap.toId === null ? null : gap.toId - gap.fromId + 1),
          gap.state,
          gap.reason,
        ]),
      ),
    );
  }
  if (findings.length > 0) {
    parts.push(
      '',
      textTable(
        ['finding', 'instrument', 'stream', 'count', 'for example'],
        findings.map(({ code, instrument, stream, count, example }) => [
          code,
          instrument,
          stream === '' ? '–' : stream,
          String(count),
          example,
        ]),
      ),
    );
  }
  parts.push('', answer.isComplete ? 'complete: nothing is missing and nothing was found wrong' : shortcomings(answer));
  if (answer.dataDir !== null) parts.push(`the data stay in ${answer.dataDir}`);
  return parts.join('\n');
}

function shortcomings({ gaps, findings, venueCandles }: ReplayAnswer): string {
  const unrepaired = gaps.filter(({ state }) => state !== 'repaired').length;
  const differing = venueCandles.reduce((sum, { compared, equal }) => sum + compared - equal, 0);
  const said = [
    ...(unrepaired > 0 ? [`gaps not repaired: ${unrepaired}`] : []),
    ...(findings.length > 0 ? [`findings: ${findings.reduce((sum, { count }) => sum + count, 0)}`] : []),
    ...(differing > 0 ? [`candles unlike the venue's own: ${differing}`] : []),
  ];
  return `NOT complete: ${said.join(', ')}`;
}

function bookText(book: BookProof): string {
  const { instrument, bestBid, bestAsk } = book;
  if (book.fromUpdateId === null) return `book of ${instrument}: none, as it has no snapshot that fits its events`;
  const end =
    bestBid === null || bestAsk === null
      ? 'unknown at the end'
      : `bid ${bestBid.price} × ${bestBid.quantity}, ask ${bestAsk.price} × ${bestAsk.quantity}, ${book.bidLevels} bid and ${book.askLevels} ask levels at ${book.toUpdateId}`;
  const tickers =
    book.comparedWithTickers === 0
      ? ''
      : `; best prices and quantities equal the book ticker's in ${book.equalToTickers} of ${book.comparedWithTickers} events`;
  const breaks = book.breaks === 0 ? '' : `; ${book.breaks} breaks`;
  return `book of ${instrument}: ${end}; ${book.appliedEvents} events applied from ${book.fromUpdateId} on${breaks}${tickers}`;
}

function candleTexts(candles: readonly CandleProof[]): string[] {
  return [...Map.groupBy(candles, ({ instrument }) => instrument)].map(([instrument, found]) => {
    const counts = found.map(({ interval, candles: count, states }) => {
      const named = Object.entries(states).map(([state, number]) => `${number} ${state}`);
      return `${count} of ${interval} (${named.join(', ')})`;
    });
    return `candles of ${instrument}: ${counts.join(', ')}`;
  });
}

function at(us: number): string {
  return new Date(us / 1000).toISOString();
}

function cell(value: number | null): string {
  return value === null ? '–' : String(value);
}
