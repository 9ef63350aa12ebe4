import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { airflowFile } from '../../src/jobs/index.ts';
import { airflow } from './support/airflow.ts';
import { diamond, notingCommand } from './support/job-graph.ts';
import { recordedFolder } from './support/recorded-folder.ts';
import { engineSuite } from './support/suite.ts';

engineSuite('jobs in Airflow', { airflow }, ({ airflow: program }) => {
  test('a graph runs in its order, for the day before its date, and what fails is tried again', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-airflow-test-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const noting = notingCommand(folder);
    const file = join(program.dagFolder, 'diamond.py');
    writeFileSync(file, airflowFile(diamond, noting.command));
    t.after(() => rmSync(file));
    assert.match(await program.run('dags', 'list-import-errors'), /No data found/);
    await program.run('dags', 'reserialize');
    await program.run('dags', 'test', 'tidemark_first_job', '2025-11-21');
    const calls = noting.calls();
    const end = '--attempts 1 --wait';
    const names = calls.map((line) => line.split(' ')[2]);
    assert.deepEqual([names[0], names.at(-1)], ['first-job', 'last-job']);
    assert.deepEqual(names.toSorted(), ['first-job', 'last-job', 'left', 'right', 'right']);
    assert.equal(calls[0], `jobs run first-job --day 2025-11-20 --when-settled ${end}`);
    assert.equal(calls.at(-1), `jobs run last-job --day 2025-11-20 ${end}`);
  });

  test('the DAGs that the command writes run the real jobs, a run a day', async (t) => {
    const recorded = await recordedFolder(t);
    const today = new Date(Date.parse(recorded.yesterday) + 86_400_000).toISOString().slice(0, 10);
    await recorded.tidemark('jobs', 'export', 'airflow', '--out', program.dagFolder);
    t.after(() => rmSync(join(program.dagFolder, 'tidemark_dags.py')));
    assert.match(await program.run('dags', 'list-import-errors'), /No data found/);
    await program.run('dags', 'reserialize');
    await program.run('dags', 'test', 'tidemark_export', today);
    await program.run('dags', 'test', 'tidemark_lake_verify', today);
    assert.deepEqual(
      (await recorded.runs()).map(({ job, partition, state, cause }) => [job, partition, state, cause]),
      [
        ['export', recorded.yesterday, 'done', 'asked for'],
        ['lake-verify', null, 'done', 'asked for'],
      ],
    );
  });
});
