// A process that writes a journal until it is killed. Prints `synced N` for each acknowledgement. Argument: the folder.
import { recordKinds } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { openJournalWriter } from './writer.ts';

const world = createNodeWorld();
const writer = await openJournalWriter(world, {
  folder: process.argv[2]!,
  writer: 'recorder',
  version: '0',
  segmentMaxBytes: 100_000,
  onFailure: () => process.exit(3),
}).catch((error: Error & { code?: string }) => {
  process.stdout.write(`${error.code} ${error.message}\n`);
  process.exit(2);
});
let told = 0;
const step = (): void => {
  for (let index = 0; index < 20; index += 1) {
    // The text says which sequence it must get.
    const sequence = writer.append({
      kind: recordKinds.frame,
      session: writer.fence,
      receivedAtUs: world.clock.wallUs(),
      monotonicUs: world.clock.monotonicUs(),
      payload: Buffer.from('x'.repeat(index * 20)),
    });
    if (index === 19 && writer.syncedSequence > told) {
      told = Math.min(writer.syncedSequence, sequence + 1);
      process.stdout.write(`synced ${told}\n`);
    }
  }
  setTimeout(step, 1);
};
step();
process.stdin.on('end', () => process.exit(0)).resume();
