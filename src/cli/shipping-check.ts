import { listSegments } from '../journal/segment-name.ts';
import { openJournalBytes } from '../journal/segment-pieces.ts';
import { openShippedJournal } from '../journal/shipped-journal.ts';
import { unshipped } from '../pipeline/shipment.ts';
import type { World } from '../ports/world.ts';
import type { ShippedJournalStatus, StatusAnswer } from '../protocol/api.ts';
import type { Config } from './config.ts';
import type { Layout } from './layout.ts';
import { journalsOf, openShippingStore } from './shipped.ts';
import { runningEngineUrl } from './wire.ts';

export interface ShippingCheck {
  readonly result: 'pass' | 'warn' | 'fail';
  readonly detail: string;
}

/** Whether this machine's journals would survive it: as the running engine says, else as store and folder are. */
export async function checkShipping(config: Config, layout: Layout, world: World): Promise<ShippingCheck | undefined> {
  try {
    const url = await runningEngineUrl(layout, world);
    return url === undefined ? await lookThere(config, layout, world) : await ask(url, world);
  } catch (error) {
    return { result: 'fail', detail: error instanceof Error ? error.message : String(error) };
  }
}

async function ask(url: string, world: World): Promise<ShippingCheck | undefined> {
  const answer = await world.network.httpGet(`${url}/api/v1/status`, { timeoutMs: 3000, maxBodyBytes: 10_000_000 });
  const { shipping } = JSON.parse(new TextDecoder().decode(answer.body)) as StatusAnswer;
  if (shipping === null) return undefined;
  const { journals } = shipping;
  const stuck = journals.find(({ error }) => error !== null);
  if (stuck === undefined) return { result: 'pass', detail: `${behind(journals)}; to ${shipping.store}` };
  const isConflict = journals.some(({ state }) => state === 'conflict');
  return { result: isConflict ? 'fail' : 'warn', detail: `${behind(journals)}; ${stuck.error}` };
}

type Behind = Pick<ShippedJournalStatus, 'writer' | 'behindBytes' | 'behindRecords'>;

function behind(journals: readonly Behind[]): string {
  return journals
    .map(({ writer, behindBytes, behindRecords }) =>
      behindBytes === 0
        ? `${writer} is shipped`
        : `${behindRecords} records (${behindBytes} bytes) of ${writer} are not shipped`,
    )
    .join(', ');
}

async function lookThere(config: Config, layout: Layout, world: World): Promise<ShippingCheck | undefined> {
  const blobs = await openShippingStore(config, layout);
  if (blobs === undefined) return undefined;
  try {
    const journals: Behind[] = [];
    for (const { writer, folder } of journalsOf(layout)) {
      const shipped = await openShippedJournal(blobs, writer).end();
      if (listSegments(world.files, folder).length === 0) {
        if (shipped === undefined) continue;
        const detail = `the store has the journal of the ${writer}, this folder does not: tidemark restore brings it back`;
        return { result: 'warn', detail };
      }
      const bytes = await openJournalBytes(world, { folder, writer });
      const rest = await unshipped(bytes, shipped);
      await bytes.close();
      journals.push({ writer, behindBytes: rest.bytes, behindRecords: rest.records });
    }
    // Without an engine nothing is shipped; that is for the next start.
    return { result: 'pass', detail: journals.length === 0 ? 'nothing to ship yet' : behind(journals) };
  } finally {
    await blobs.close();
  }
}
