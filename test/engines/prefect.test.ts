import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { prefectFile } from '../../src/jobs/index.ts';
import { diamond, notingCommand } from './support/job-graph.ts';
import { prefect } from './support/prefect.ts';
import { recordedFolder } from './support/recorded-folder.ts';
import { engineSuite } from './support/suite.ts';

const states = `
import asyncio
from prefect import get_client
async def main():
    async with get_client() as client:
        for run in await client.read_flow_runs():
            print(run.state_name)
asyncio.run(main())
`;

engineSuite('jobs in Prefect', { prefect }, ({ prefect: server }) => {
  test('a graph runs in its order, for the day it is given, and what fails is tried again', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-prefect-test-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const noting = notingCommand(folder);
    writeFileSync(join(folder, 'tidemark_flows.py'), prefectFile(diamond, noting.command));
    await server.python(['-c', 'import tidemark_flows; tidemark_flows.first_job_flow(day="2025-11-20")'], folder);
    const calls = noting.calls();
    const names = calls.map((line) => line.split(' ')[2]);
    assert.deepEqual([names[0], names.at(-1)], ['first-job', 'last-job']);
    assert.deepEqual(names.toSorted(), ['first-job', 'last-job', 'left', 'right', 'right']);
    assert.equal(calls[0], 'jobs run first-job --day 2025-11-20 --when-settled --attempts 1 --wait');
    assert.deepEqual((await server.python(['-c', states], folder)).trim().split('\n'), ['Completed']);
  });

  test('the flows that the command writes run the real jobs, a run a day, and can be deployed with their schedules', async (t) => {
    const recorded = await recordedFolder(t);
    await recorded.tidemark('jobs', 'export', 'prefect', '--out', recorded.folder);
    const program = `
import tidemark_flows as flows
flows.export_flow()
flows.lake_verify_flow()
deployment = flows.export_flow.to_deployment(name="tidemark", schedule=flows.Cron("0 0 * * *", timezone="UTC"))
print(deployment.apply())
`;
    await server.python(['-c', program], recorded.folder);
    assert.deepEqual(
      (await recorded.runs()).map(({ job, partition, state, cause }) => [job, partition, state, cause]),
      [
        ['export', recorded.yesterday, 'done', 'asked for'],
        ['lake-verify', null, 'done', 'asked for'],
      ],
    );
  });
});
