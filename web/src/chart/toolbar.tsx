import { Menu } from '@base-ui/react/menu';
import { type Interval, intervals } from '../../../src/protocol/api.ts';
import { nominalLengthUs } from '../../../src/protocol/figures.ts';
import { useStore } from '../live/store.ts';
import { Icon } from '../shell/icons.tsx';
import { clockText, dateTimeText } from '../text/time-text.ts';
import { type Range, rangeLengthUs, ranges } from '../url/chart-url.ts';
import { windowBars } from './feed.ts';
import type { ChartHandle } from './use-chart.ts';

const chips: readonly Interval[] = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '4h', '1d'];

export function intervalName(interval: Interval): string {
  const unit = { s: 'second', m: 'minute', h: 'hour', d: 'UTC day', w: 'week', M: 'month' }[interval.slice(-1)] ?? '';
  const count = Number(interval.slice(0, -1));
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

export function Toolbar(properties: {
  interval: Interval;
  onInterval: (interval: Interval) => void;
  onInspect: () => void;
  onPicture: () => void;
  onLink: () => void;
}) {
  const { interval, onInterval } = properties;
  const inChips = chips.includes(interval);
  return (
    <div className="tools" role="toolbar" aria-label="Interval and view">
      {chips.map((chip) => (
        <button
          key={chip}
          type="button"
          className="button figure"
          aria-pressed={chip === interval}
          aria-label={`${chip}, ${intervalName(chip)}`}
          onClick={() => onInterval(chip)}
        >
          {chip}
        </button>
      ))}
      <Menu.Root>
        <Menu.Trigger
          className="button figure"
          aria-pressed={!inChips}
          aria-label={inChips ? 'All intervals' : `${interval}, all intervals`}
        >
          {inChips ? '' : interval}
          <span className="caret" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner className="layer-menu" sideOffset={4} align="start">
            <Menu.Popup className="menu intervals">
              <Menu.RadioGroup value={interval} onValueChange={(value) => onInterval(value as Interval)}>
                {intervals.map((choice) => (
                  <Menu.RadioItem key={choice} value={choice} className="menu-item figure" closeOnClick>
                    {choice}
                    <span className="dim">{intervalName(choice)}</span>
                  </Menu.RadioItem>
                ))}
              </Menu.RadioGroup>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <span className="grow" />
      <button type="button" className="button wide" onClick={properties.onInspect}>
        <Icon name="info" />
        Provenance
      </button>
      <span className="divider wide" />
      <button type="button" className="button wide" aria-label="Save picture" onClick={properties.onPicture}>
        <Icon name="camera" />
      </button>
      <button type="button" className="button wide" aria-label="Copy link" onClick={properties.onLink}>
        <Icon name="link" />
      </button>
    </div>
  );
}

export function RangeBar(properties: {
  handle: ChartHandle;
  interval: Interval;
  range: Range | undefined;
  cold: boolean;
  onRange: (range: Range) => void;
}) {
  const { handle, interval, range, cold, onRange } = properties;
  const facts = useStore(handle.facts);
  const { viewport, slots } = facts;
  const first = slots[Math.max(0, Math.ceil(viewport?.from ?? 0))];
  const last = slots[Math.min(slots.length - 1, Math.floor(viewport?.to ?? -1))];
  const bars =
    first === undefined || last === undefined || viewport === undefined
      ? 0
      : Math.max(0, Math.min(slots.length - 1, Math.floor(viewport.to)) - Math.max(0, Math.ceil(viewport.from)) + 1);
  /** Whether the view still is that range, and has not been moved since. */
  const isShown = (barsOf: number | undefined): boolean =>
    barsOf === undefined ||
    (facts.following && Math.abs(bars - Math.min(barsOf, slots.length)) <= Math.max(3, barsOf * 0.06));
  return (
    <div className="range">
      {ranges.map((choice) => {
        const lengthUs = rangeLengthUs(choice);
        const barsOf = lengthUs === undefined ? undefined : lengthUs / nominalLengthUs(interval);
        const fits = barsOf === undefined || (barsOf >= 2 && barsOf <= windowBars);
        return (
          <button
            key={choice}
            type="button"
            className="button figure"
            aria-pressed={choice === range && isShown(barsOf)}
            disabled={!fits}
            title={fits ? undefined : 'does not fit this interval'}
            onClick={() => onRange(choice)}
          >
            {choice === 'all' ? 'All' : choice}
          </button>
        );
      })}
      <span className="divider" />
      <span className="range-text figure" data-testid="range-text">
        {first !== undefined &&
          last !== undefined &&
          `${dateTimeText(first.openUs)} – ${clockText(last.openUs)} UTC, ${bars} bars`}
      </span>
      <span className="grow" />
      <a className="notice" href="https://www.tradingview.com/" target="_blank" rel="noreferrer">
        Charts by TradingView
      </a>
      <span className="divider" />
      {cold ? (
        <span className="button outlined" role="status">
          Live interrupted
        </span>
      ) : (
        <button
          type="button"
          className="button"
          aria-pressed={facts.following}
          onClick={handle.goLive}
          data-testid="follow"
        >
          {facts.following ? 'Following live' : 'Jump to live ▸'}
        </button>
      )}
    </div>
  );
}
