import type { Command } from 'commander';
import { Option } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import { parseInstrumentId } from '../../domain/instrument.ts';
import { gapStates } from '../../domain/state.ts';
import type { GapRow, LedgerRow } from '../../protocol/api.ts';
import { createNodeWorld } from '../../world/node/index.ts';
import { exitCodes } from '../exit-codes.ts';
import { layoutOf } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { runningEngineUrl } from '../wire.ts';
import { committedGaps } from './committed-gaps.ts';

export function registerGaps(program: Command): void {
  program
    .command('gaps')
    .description('what is missing: every gap with its reason, its state and what was tried')
    .argument('[instrument]', 'only of this one, like binance:spot:BTCUSDT')
    .addOption(new Option('--state <state>', 'only gaps in this state').choices([...gapStates]))
    .option('--fail-on-gap', `exit with ${exitCodes.checkFailed} when a gap is not repaired`)
    .addHelpText('after', '\nExamples:\n  tidemark gaps\n  tidemark gaps binance:spot:BTCUSDT --fail-on-gap')
    .action(
      async (instrument: string | undefined, options: { state?: string; failOnGap?: boolean }, command: Command) => {
        if (instrument !== undefined) parseInstrumentId(instrument);
        const { config } = configOf(command);
        const layout = layoutOf(config.dataDir, process.cwd());
        const world = createNodeWorld();
        const url = await runningEngineUrl(layout, world);
        const all = url === undefined ? await committedGaps(layout, config) : await askEngine(url);
        const gaps = all.gaps
          .filter(
            (gap) =>
              (instrument === undefined || gap.instrument === instrument) &&
              (options.state === undefined || gap.state === options.state),
          )
          .toSorted(inOrder);
        const text = () => {
          if (gaps.length === 0) return 'no gaps';
          const header = ['instrument', 'stream', 'from id', 'to id', 'opened', 'closed', 'state', 'reason', 'held'];
          return textTable(header, gaps.map(cells));
        };
        const warnings = url === undefined ? ['no engine runs on this data folder: committed gaps only'] : [];
        print('gaps', globalOptions(command), { ledger: all.ledger, gaps }, text, warnings);
        const unrepaired = gaps.filter((gap) => gap.state !== 'repaired');
        process.exitCode = options.failOnGap && unrepaired.length > 0 ? exitCodes.checkFailed : exitCodes.success;
      },
    );
}

function inOrder(a: GapRow, b: GapRow): number {
  const name = (gap: GapRow) => `${gap.instrument} ${gap.stream}`;
  return a.openedAtUs - b.openedAtUs || (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0);
}

async function askEngine(url: string): Promise<{ gaps: readonly GapRow[]; ledger: readonly LedgerRow[] }> {
  const read = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}${path}`);
    if (!response.ok)
      throw new TidemarkError('network', { doing: 'ask the engine for', what: path, why: `HTTP ${response.status}` });
    return (await response.json()) as T;
  };
  return { gaps: await read<GapRow[]>('/api/v1/gaps'), ledger: await read<LedgerRow[]>('/api/v1/ledger') };
}

function cells(gap: GapRow): (string | null)[] {
  const at = (us: number | null) => (us === null ? null : new Date(us / 1000).toISOString());
  return [
    gap.instrument,
    gap.stream,
    gap.fromId === null ? null : String(gap.fromId),
    gap.toId === null ? null : String(gap.toId),
    at(gap.openedAtUs),
    at(gap.closedAtUs),
    gap.state,
    gap.reason,
    String(gap.heldCount),
  ];
}
