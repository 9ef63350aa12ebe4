// Serves a made-up market through the real server, for work on the dashboard without a recorder and an engine:
//   node_modules/.bin/node test/support/fake-engine.ts [port] [web folder]
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { startServer } from '../../src/server/index.ts';
import { TestView } from '../../src/server/server.test-view.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { MadeJobs } from './made-jobs.ts';
import { MadeReports } from './made-reports.ts';

const port = Number(process.argv[2] ?? 8790);
const webFolder = resolve(process.argv[3] ?? resolve(import.meta.dirname, '../../dist/web'));
const { clock, timers, random } = createNodeWorld();

const view = new TestView({ seed: 7, nowUs: clock.wallUs() });
const server = await startServer(view, {
  host: '127.0.0.1',
  port,
  dataKind: 'simulated',
  jobs: new MadeJobs(() => clock.wallUs()),
  reports: new MadeReports(clock.wallUs()),
  ...(existsSync(webFolder) ? { webFolder } : {}),
  log: {
    info: (fields, message) => console.error(message, fields),
    warn: (fields, message) => console.error(message, fields),
    error: (fields, message) => console.error(message, fields),
  },
  clock,
  timers,
  random,
  // A page under development comes from Vite, which passes /api on to this server with its own Host and Origin.
  allowedHosts: ['localhost:5173', '127.0.0.1:5173', 'localhost', '127.0.0.1'],
});
const ticking = setInterval(() => view.tick(clock.wallUs()), 100);
console.log(`${server.url} (SIMULATED)`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clearInterval(ticking);
    void server.close().then(() => process.exit(0));
  });
}
