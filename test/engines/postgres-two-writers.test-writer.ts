// A lake of its own process that commits ten trades when it is told to, and says what became of it:
// URL, schema, folder with the blobs.
import { createInterface } from 'node:readline';
import { openTradeLake } from './support/trade-lake.ts';

const [url, schema, folder] = process.argv.slice(2) as [string, string, string];
const { commitTrades, close } = await openTradeLake({ url, schema, folder });
console.log('open');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'close') break;
  try {
    console.log(`committed ${await commitTrades(Number(line))}`);
  } catch (error) {
    console.log(`refused ${(error as { code?: string }).code} ${(error as Error).message}`);
  }
}
await close();
