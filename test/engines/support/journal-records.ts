import { createHash } from 'node:crypto';
import { TidemarkError } from '../../../src/domain/error.ts';
import { openJournalReader } from '../../../src/journal/reader.ts';
import { createNodeWorld } from '../../../src/world/node/index.ts';

/** What each record of a journal holds, by its sequence; what cannot be read is left out. */
export async function journalRecords(folder: string, writer: string): Promise<Map<number, string>> {
  const reader = await openJournalReader(createNodeWorld(), { folder, writer });
  const records = new Map<number, string>();
  try {
    for (let at = await reader.start(); ; ) {
      const block = await reader.read(at, 1_000_000).catch((error: unknown) => {
        if (error instanceof TidemarkError && error.code === 'journal-damaged') return 'damaged' as const;
        throw error;
      });
      if (block === 'damaged') {
        const next = await reader.afterDamage(at);
        if (next === undefined) return records;
        at = next.position;
        continue;
      }
      if (block === undefined) return records;
      block.forEach(({ kind, session, sequence, receivedAtUs, bytes, start, end }) => {
        const payload = createHash('sha256').update(bytes.subarray(start, end)).digest('hex');
        records.set(sequence, `${kind} ${session} ${receivedAtUs} ${payload}`);
      });
      at = block.to;
    }
  } finally {
    await reader.close();
  }
}
