import type { InstrumentRow, Interval } from '../../../src/protocol/api.ts';
import { nominalLengthUs } from '../../../src/protocol/figures.ts';
import { isCold } from '../live/connection-word.ts';
import { useStore } from '../live/store.ts';
import { type Connection, serverNowUs } from '../shell/use-connection.ts';
import { decimalsOf, differenceText, figureText, groupDigits, signedText, withDecimals } from '../text/number-text.ts';
import { clockText, dateTimeText, dayText, minuteText } from '../text/time-text.ts';
import { candleWords } from './candle-words.ts';
import { isEmpty } from './slots.ts';
import type { ChartHandle } from './use-chart.ts';

function openText(openUs: number, interval: Interval, nowUs: number): string {
  const lengthUs = nominalLengthUs(interval);
  if (lengthUs >= 86400e6) return dateTimeText(openUs).slice(0, 10);
  const time = lengthUs < 60e6 ? clockText(openUs) : minuteText(openUs);
  return dayText(openUs) === dayText(nowUs) ? time : `${dayText(openUs)} ${time}`;
}

/** O H L C and what else is known of the bar under the cursor, or of the newest one. */
export function Legend(properties: {
  handle: ChartHandle;
  row: InstrumentRow | undefined;
  interval: Interval;
  connection: Connection;
  onInspect: (openUs: number) => void;
}) {
  const { handle, row: instrument, interval, connection } = properties;
  const facts = useStore(handle.facts);
  const at = facts.cursor >= 0 && facts.cursor < facts.slots.length ? facts.cursor : facts.slots.length - 1;
  const slot = facts.slots[at];
  if (slot === undefined) return null;
  const kind = connection.link.dataKind;
  const nowUs = serverNowUs(connection);
  if (isEmpty(slot)) {
    const band = facts.bands.find((other) => at >= other.from && at <= other.to);
    return (
      <div className="legend" data-testid="legend">
        <div>
          <strong>{openText(slot.openUs, interval, nowUs)}</strong>
          <span className="fault">missing: no value is shown{band === undefined ? '' : ` · ${band.detail}`}</span>
        </div>
      </div>
    );
  }
  const row = slot.row!;
  const decimals = decimalsOf(instrument?.tickSize ?? '0.01');
  const quantityDecimals = decimalsOf(instrument?.stepSize ?? '0.00001');
  const direction = slot.close >= slot.open ? 'up' : 'down';
  const words = candleWords(row, interval, nowUs, isCold(connection.word));
  const change = withDecimals(differenceText(row.close, row.open), decimals);
  const percent = slot.open > 0 ? ((slot.close - slot.open) / slot.open) * 100 : 0;
  const figure = (name: string, text: string) => (
    <span>
      <em>{name}</em>
      <span className={direction}>{figureText(text, decimals)}</span>
    </span>
  );
  return (
    <div className="legend" data-testid="legend">
      <div>
        <strong className="wide-text">{openText(slot.openUs, interval, nowUs)}</strong>
        {figure('O', row.open)}
        {figure('H', row.high)}
        {figure('L', row.low)}
        {figure('C', row.close)}
        <span className={`${direction} wide-text`}>
          {change.startsWith('-') ? '' : '+'}
          {groupDigits(change)} ({signedText(percent, 2)} %)
        </span>
        <span className="wide-text">
          <em>Vol</em>
          {figureText(row.volume, quantityDecimals)}
        </span>
        <span className="wide-text">
          <em>trades</em>
          {groupDigits(String(row.tradeCount))}
        </span>
        <span className="wide-text">
          <em>taker buy</em>
          {slot.volume > 0 ? `${((slot.takerBuy / slot.volume) * 100).toFixed(0)} %` : '–'}
        </span>
        <span className={words.tone === 'plain' ? 'soft' : words.tone}>{words.text}</span>
        {kind === 'simulated' && <span className="unreal wide-text">SIMULATED</span>}
        <button
          type="button"
          className="legend-info"
          aria-label="i, provenance of this bar"
          onClick={() => properties.onInspect(slot.openUs)}
        >
          i
        </button>
      </div>
    </div>
  );
}
