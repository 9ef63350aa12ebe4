import type { MarketView } from '../../pipeline/market-view.ts';
import type { Timers } from '../../ports/world.ts';
import type { GapRow, LedgerRow } from '../../protocol/api.ts';
import type { JobDefinition } from '../definition.ts';
import { usualDefaults } from './defaults.ts';

const lookMs = 1000;
const sayEveryLooks = 15;

/**
 * The engine asks the venue for what is missing by itself, within the venue's limits; this run is the account of it, from the
 * first open gap until none is left.
 */
export function repairJob(view: Pick<MarketView, 'gaps' | 'ledger' | 'status'>, timers: Timers): JobDefinition {
  return {
    ...usualDefaults,
    name: 'repair',
    description: 'follows the repair of open gaps until each is repaired or declared',
    schedule: { kind: 'interval', everyMs: 10_000 },
    priority: 5,
    timeoutMs: 24 * 3_600_000,
    ifItDies: 'rows that came are in the journal; what is still missing is asked for again',
    work: async ({ log, progress, signal }) => {
      const first = unrepaired(view.gaps({}));
      if (first.length === 0) return { isIdle: true };
      const known = new Set<string>();
      const before = heldShare(view.ledger());
      let most = 0;
      for (let look = 0; ; look++) {
        signal.throwIfAborted();
        const gaps = unrepaired(view.gaps({}));
        for (const gap of gaps) {
          if (!known.has(keyOf(gap))) log('info', `${nameOf(gap)}: ${gap.reason}, ${missingIds(gap)} ids missing`);
          known.add(keyOf(gap));
        }
        const missing = gaps.reduce((sum, gap) => sum + missingIds(gap), 0);
        most = Math.max(most, missing);
        if (most > 0) progress(1 - missing / most);
        if (gaps.length === 0) break;
        if (look % sayEveryLooks === sayEveryLooks - 1) {
          const { usedWeight, weightPerMinute } = view.status().rest;
          log(
            'info',
            `${gaps.length} gaps, ${missing} ids missing; weight ${usedWeight} of ${weightPerMinute} a minute`,
          );
        }
        await new Promise<void>((resolve) => timers.after(lookMs, resolve));
      }
      const ended = view.gaps({}).filter((gap) => known.has(keyOf(gap)));
      for (const gap of ended) log('info', `${nameOf(gap)}: ${gap.state}, ${gap.heldCount} ids held; ${gap.tried}`);
      const repaired = ended.filter(({ state }) => state === 'repaired').length;
      const after = heldShare(view.ledger());
      const held = before === after ? '' : `, ${before} → ${after} %`;
      return {
        rows: ended.reduce((sum, gap) => sum + gap.heldCount, 0),
        effect: `${repaired} repaired, ${known.size - repaired} declared${held}`,
      };
    },
  };
}

function unrepaired(gaps: readonly GapRow[]): GapRow[] {
  // A gap that is still growing is a lost connection: there is nothing to ask for yet.
  return gaps.filter(({ state, closedAtUs }) => (state === 'open' || state === 'repairing') && closedAtUs !== null);
}

function keyOf({ instrument, stream, fromId, openedAtUs }: GapRow): string {
  return `${instrument} ${stream} ${fromId ?? openedAtUs}`;
}

function nameOf({ instrument, stream, fromId, toId }: GapRow): string {
  return fromId === null ? `${instrument} ${stream}` : `${instrument} ${stream} ${fromId} to ${toId}`;
}

function missingIds({ fromId, toId, heldCount }: GapRow): number {
  return fromId === null || toId === null ? 0 : Math.max(0, toId - fromId + 1 - heldCount);
}

function heldShare(ledger: readonly LedgerRow[]): string {
  let held = 0;
  let missing = 0;
  for (const { heldIds, missingIds: lost } of ledger) {
    held += heldIds;
    missing += lost;
  }
  return held + missing === 0 ? '100.00' : ((100 * held) / (held + missing)).toFixed(2);
}
