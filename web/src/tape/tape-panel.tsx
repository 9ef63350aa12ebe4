import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { InstrumentRow } from '../../../src/protocol/api.ts';
import type { Market, Tape } from '../live/market.ts';
import { useStore } from '../live/store.ts';
import { decimalsOf, figureText, groupDigits } from '../text/number-text.ts';
import { clockText } from '../text/time-text.ts';

const mostRows = 80;
/** Above this rate rows would only flicker past: the head says how many there are. */
const burstPerSecond = 200;

export function TapePanel({
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
  const tape = useStore(market.tape);
  const last = useStore(market.last);
  const unsynced = useStore(market.unsynced);
  const [frozen, setFrozen] = useState<Tape>();
  const [held, setHeld] = useState({ pointer: false, focus: false, key: false });
  const box = useRef<HTMLDivElement>(null);
  const [fitting, setFitting] = useState(12);
  const paused = held.pointer || held.focus || held.key;
  useEffect(() => {
    setFrozen(paused ? market.tape.current : undefined);
    if (!paused) box.current?.scrollTo({ top: 0 });
  }, [paused, market]);
  useEffect(() => {
    const node = box.current!;
    const observer = new ResizeObserver(() => {
      const rowHeight = Number.parseFloat(getComputedStyle(node).getPropertyValue('--row-tight')) || 18;
      setFitting(Math.max(3, Math.floor(node.clientHeight / rowHeight)));
    });
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  const shown = frozen ?? tape;
  const entries = shown.entries.slice(0, paused ? mostRows : Math.min(mostRows, fitting));
  const fresh = frozen === undefined ? 0 : Math.max(0, tape.seen - frozen.seen);
  const decimals = decimalsOf(row?.tickSize ?? '0.01');
  const quantityDecimals = decimalsOf(row?.stepSize ?? '0.00001');
  const sizes = entries
    .map((entry) => (entry.kind === 'trade' ? Number(entry.trade.quantity) : 0))
    .sort((a, b) => b - a);
  const large = sizes[Math.min(3, Math.floor(sizes.length / 6))] ?? Number.POSITIVE_INFINITY;
  const prices = entries.flatMap((entry) => (entry.kind === 'trade' ? [figureText(entry.trade.price, decimals)] : []));
  let shared = 0;
  const first = prices[0] ?? '';
  while (prices.length > 1 && shared < first.length - 1 && prices.every((text) => text[shared] === first[shared]))
    shared++;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === ' ') {
      setHeld((before) => ({ ...before, key: !before.key, focus: before.key ? false : before.focus }));
      event.preventDefault();
    } else if (event.key === 'Escape') {
      setHeld({ pointer: false, focus: false, key: false });
    }
  };
  return (
    <section className="panel tape" aria-label="Trades" data-testid="tape">
      <div className="panel-head">
        <h2>Tape</h2>
        {simulated && <span className="unreal caps">SIMULATED</span>}
        {cold ? (
          <span className="dim ellipsis">live stopped{last === undefined ? '' : ` ${clockText(last.tradedAtUs)}`}</span>
        ) : tape.missing > 0 ? (
          <span className="light" data-state="gap">
            {groupDigits(String(tape.missing))} ids missing
          </span>
        ) : unsynced !== undefined ? (
          <span className="light" data-state="syncing" title="Shown before it survives a power cut: the disk is slow.">
            not yet on disk
          </span>
        ) : tape.entries.length > 0 ? (
          <span className="light" data-state="synced">
            {tape.perSecond > burstPerSecond ? `${Math.round(tape.perSecond)} trades/s` : 'ids continuous'}
          </span>
        ) : null}
        <span className="grow" />
        {paused && (
          <button
            type="button"
            className="button outlined"
            onClick={() => {
              setHeld({ pointer: false, focus: false, key: false });
            }}
          >
            held{fresh > 0 ? ` · +${groupDigits(String(fresh))} new` : ''}
          </button>
        )}
      </div>
      <div className="tape-row tape-head" aria-hidden="true">
        <span>Time</span>
        <span />
        <span>Price</span>
        <span>Size</span>
      </div>
      {/* A list that moves: it stands still while it is looked at. */}
      <div
        className="tape-rows live"
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list has to be reachable by key
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label="Trades, newest first. Held while it has the focus; Space lets it go on."
        onPointerEnter={(event) => event.pointerType === 'mouse' && setHeld((before) => ({ ...before, pointer: true }))}
        onPointerLeave={() => setHeld((before) => ({ ...before, pointer: false }))}
        onFocus={(event) =>
          event.currentTarget.matches(':focus-visible') && setHeld((before) => ({ ...before, focus: true }))
        }
        onBlur={() => setHeld((before) => ({ ...before, focus: false }))}
        onKeyDown={onKeyDown}
      >
        {entries.map((entry) => {
          if (entry.kind === 'missing')
            return (
              <div className="tape-missing" key={`missing ${entry.fromId}`} data-testid="missing-ids">
                {groupDigits(String(entry.toId - entry.fromId + 1))} trade ids missing
                <span className="dim">
                  {entry.fromId}–{entry.toId}
                </span>
              </div>
            );
          const { trade } = entry;
          const side = trade.buyerIsMaker ? 'down' : 'up';
          const price = figureText(trade.price, decimals);
          return (
            <div
              className="tape-row"
              key={trade.tradeId}
              data-large={Number(trade.quantity) >= large}
              data-unsynced={unsynced !== undefined && trade.tradeId > unsynced.aboveId}
            >
              <span className="dim">{clockText(trade.tradedAtUs, true)}</span>
              <span className={`tri ${side}`} role="img" aria-label={trade.buyerIsMaker ? 'sold' : 'bought'} />
              <span className={side}>
                <small>{price.slice(0, shared)}</small>
                {price.slice(shared)}
              </span>
              <span className="quantity">{figureText(trade.quantity, quantityDecimals)}</span>
            </div>
          );
        })}
        {entries.length === 0 && (
          <p className="none">
            {row !== undefined && !row.streams.some((stream) => stream === 'trade' || stream === 'agg-trade')
              ? 'Trades of this symbol are not collected: add the stream `trade` in the configuration.'
              : 'No trades yet.'}
          </p>
        )}
      </div>
    </section>
  );
}
