// biome-ignore-all lint/a11y/useSemanticElements: the ladder is laid out as three grids around the middle, which no table can be
// biome-ignore-all lint/a11y/useFocusableInteractive: its rows are read, not worked
import { Menu } from '@base-ui/react/menu';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { BookState, InstrumentRow } from '../../../src/protocol/api.ts';
import type { Market } from '../live/market.ts';
import { useStore } from '../live/store.ts';
import { Icon } from '../shell/icons.tsx';
import { cutDecimals, decimalsOf, figureText } from '../text/number-text.ts';
import { clockText } from '../text/time-text.ts';
import {
  cumulativeDepth,
  type Grouping,
  groupingFor,
  groupings,
  groupLevels,
  imbalance,
  type LadderRow,
  stepText,
} from './grouping.ts';

const stateWords: Record<BookState, string> = {
  synced: 'ids continuous',
  syncing: 'resyncing',
  gap: 'sequence broke',
  none: 'no book yet',
};

/** Digits that all prices share, so that the eye finds those that differ. */
function sharedLength(texts: readonly string[]): number {
  const first = texts[0];
  if (first === undefined || texts.length < 2) return 0;
  let length = 0;
  while (length < first.length - 1 && texts.every((text) => text[length] === first[length])) length++;
  return length;
}

/** How many rows of `rowHeight` fit on each side. */
function useFittingRows(rowVariable: string, reserved: number): [React.RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [count, setCount] = useState(10);
  useEffect(() => {
    const node = box.current!;
    const measure = (): void => {
      const rowHeight = Number.parseFloat(getComputedStyle(node).getPropertyValue(rowVariable)) || 18;
      setCount(Math.max(3, Math.floor((node.clientHeight - reserved) / 2 / rowHeight)));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, [rowVariable, reserved]);
  return [box, count];
}

function Row(properties: {
  row: LadderRow;
  side: 'bid' | 'ask';
  decimals: number;
  quantityDecimals: number;
  shared: number;
  share: number;
}) {
  const { row, side, decimals, quantityDecimals, shared, share } = properties;
  const price = figureText(row.price, decimals);
  return (
    <div className="ladder-row" data-side={side} role="row">
      <i aria-hidden="true" style={{ width: `${(share * 100).toFixed(1)}%` }} />
      <span role="cell" className={side === 'bid' ? 'up' : 'down'}>
        <small>{price.slice(0, shared)}</small>
        {price.slice(shared)}
      </span>
      <span role="cell">{figureText(row.quantity, quantityDecimals)}</span>
      <span role="cell" className="soft">
        {figureText(
          cutDecimals(row.sum, row.total >= 1000 ? 1 : 3),
          Math.min(row.total >= 1000 ? 1 : 3, quantityDecimals),
        )}
      </span>
    </div>
  );
}

export function BookPanel({
  market,
  row,
  cold,
  simulated,
}: {
  market: Market;
  row: InstrumentRow | undefined;
  cold: boolean;
  simulated: boolean;
}) {
  const book = useStore(market.book);
  const last = useStore(market.last);
  const [chosen, setTicks] = useState<Grouping>();
  const suggested = useRef<{ instrument: string; ticks: Grouping } | undefined>(undefined);
  const [box, count] = useFittingRows('--row-tight', 22 + 36);
  const tick = row?.tickSize ?? '0.01';
  const step = row?.stepSize ?? '0.00001';
  const decimals = decimalsOf(tick);
  const quantityDecimals = decimalsOf(step);
  // Found once for each symbol: a step that changed by itself would move what is being read.
  const best = book?.bids[0]?.price;
  if (suggested.current?.instrument !== market.instrument) suggested.current = undefined;
  if (best !== undefined && row !== undefined)
    suggested.current ??= { instrument: market.instrument, ticks: groupingFor(Number(best), tick) };
  const ticks = chosen ?? suggested.current?.ticks ?? 1;
  const shownDecimals = decimalsOf(stepText(tick, ticks));
  const usable = book !== undefined && book.state !== 'none' && book.bids.length + book.asks.length > 0;
  const bids = useMemo(
    () => (usable ? groupLevels(book.bids, 'bid', tick, step, ticks, count) : []),
    [usable, book, tick, step, ticks, count],
  );
  const asks = useMemo(
    () => (usable ? groupLevels(book.asks, 'ask', tick, step, ticks, count) : []),
    [usable, book, tick, step, ticks, count],
  );
  const depth = useMemo(
    () => (usable ? cumulativeDepth(book.bids, book.asks, book.knownFrom, book.knownTo) : undefined),
    [usable, book],
  );
  const share = depth === undefined ? undefined : imbalance(depth, 5);
  const largest = Math.max(1e-12, ...bids.map((level) => level.size), ...asks.map((level) => level.size));
  const prices = [...asks, ...bids].map((level) => figureText(level.price, shownDecimals));
  const shared = sharedLength(prices);
  const state = book?.state ?? 'none';
  const groupText = (by: Grouping): string => {
    const text = stepText(tick, by);
    return figureText(text, decimalsOf(text));
  };
  const known = (price: string | null | undefined): string =>
    price === null || price === undefined ? 'not known' : figureText(price, decimals);
  return (
    <section className="panel book" aria-label="Order book" data-state={state} data-testid="book">
      <div className="panel-head">
        <h2>Book</h2>
        {simulated && <span className="unreal caps">SIMULATED</span>}
        {cold ? (
          <span className="dim ellipsis">last known{last === undefined ? '' : ` ${clockText(last.tradedAtUs)}`}</span>
        ) : (
          <span
            className="light"
            data-state={state}
            title={
              book?.updateId == null
                ? undefined
                : `update ids without a break since the snapshot, now at ${book.updateId}; ${book.resyncs} resyncs`
            }
          >
            {stateWords[state]}
          </span>
        )}
        <span className="grow" />
        <Menu.Root>
          <Menu.Trigger className="button figure" aria-label={`${groupText(ticks)}, price steps of the book`}>
            {groupText(ticks)}
            <span className="caret" />
          </Menu.Trigger>
          <Menu.Portal>
            <Menu.Positioner className="layer-menu" align="end" sideOffset={4}>
              <Menu.Popup className="menu">
                <Menu.RadioGroup value={ticks} onValueChange={(value) => setTicks(value as Grouping)}>
                  {groupings.map((by) => (
                    <Menu.RadioItem key={by} value={by} className="menu-item figure" closeOnClick>
                      <Menu.RadioItemIndicator className="menu-check" keepMounted>
                        <Icon name="check" />
                      </Menu.RadioItemIndicator>
                      {groupText(by)} <span className="dim">{by === 1 ? 'one tick' : `${by} ticks`}</span>
                    </Menu.RadioItem>
                  ))}
                </Menu.RadioGroup>
              </Menu.Popup>
            </Menu.Positioner>
          </Menu.Portal>
        </Menu.Root>
      </div>
      <div className="ladder live" ref={box} role="table" aria-label="Levels, best in the middle">
        {usable ? (
          <>
            <div className="ladder-row ladder-head" role="row">
              <span role="columnheader">Price</span>
              <span role="columnheader">Size{row === undefined ? '' : `, ${row.baseAsset}`}</span>
              <span role="columnheader">Sum</span>
            </div>
            <div className="ladder-asks" role="rowgroup">
              {asks.length < count && (
                <div className="fog" role="row">
                  <span role="cell">above {known(book.knownTo)}: not known</span>
                </div>
              )}
              {asks.toReversed().map((level) => (
                <Row
                  key={level.price}
                  row={level}
                  side="ask"
                  decimals={shownDecimals}
                  quantityDecimals={quantityDecimals}
                  shared={shared}
                  share={level.size / largest}
                />
              ))}
            </div>
            <div className="ladder-middle" role="row">
              <b
                role="cell"
                className={`figure ${last?.direction === 'down' ? 'down' : 'up'} tri`}
                data-direction={last?.direction}
              >
                {last === undefined ? '–' : figureText(last.price, decimals)}
              </b>
              {share !== undefined && (
                <span role="cell" className="imbalance">
                  <span
                    className="imbalance-bar"
                    role="img"
                    aria-label={`within 5 basis points, bids are ${(share * 100).toFixed(0)} percent`}
                  >
                    <i className="fill-up" style={{ flexGrow: share }} />
                    <i className="fill-down" style={{ flexGrow: 1 - share }} />
                  </span>
                  <span className="micro figure">
                    {(share * 100).toFixed(0)} : {(100 - share * 100).toFixed(0)} in 5 bps
                  </span>
                </span>
              )}
            </div>
            <div className="ladder-bids" role="rowgroup">
              {bids.map((level) => (
                <Row
                  key={level.price}
                  row={level}
                  side="bid"
                  decimals={shownDecimals}
                  quantityDecimals={quantityDecimals}
                  shared={shared}
                  share={level.size / largest}
                />
              ))}
              {bids.length < count && (
                <div className="fog" role="row">
                  <span role="cell">below {known(book.knownFrom)}: not known</span>
                </div>
              )}
            </div>
          </>
        ) : (
          <div className="none" role="row">
            <p role="cell">
              {row !== undefined && !row.streams.includes('depth')
                ? 'Depth of this symbol is not collected: add the stream `depth` in the configuration.'
                : 'No book yet: it is shown once a snapshot and the updates after it fit together.'}
            </p>
          </div>
        )}
      </div>
    </section>
  );
}
