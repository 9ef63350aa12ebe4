import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ReplayAnswer } from '../../src/cli/replay/text.ts';
import type { StatusAnswer } from '../../src/protocol/api.ts';
import { firstTradeId, lastTradeId, paths } from '../recordings/spot-btcusdt-2024.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { getJson, runTidemark, TemporaryFolder, TidemarkProcess, until } from '../support/processes.ts';

/** Runs in a folder of its own, with temporary files inside it. */
function workplace(t: TestContext) {
  const folder = new TemporaryFolder('cli-replay');
  t.after(() => folder.remove());
  const temporary = join(folder.path, 'tmp');
  mkdirSync(temporary);
  const options = { cwd: folder.path, env: { TMPDIR: temporary }, isChild: false };
  return {
    folder: folder.path,
    options,
    write(name: string, content: string | Uint8Array): string {
      writeFileSync(join(folder.path, name), content);
      return name;
    },
    run: (...args: string[]) => runTidemark(args, options),
    leftOver: () => readdirSync(temporary),
  };
}

function dataOf({ stdout }: { stdout: string }): ReplayAnswer {
  return (JSON.parse(stdout) as { data: ReplayAnswer }).data;
}

const csvHead = 'timestamp,price,quantity,side,tradeId\n';
/** An aggregate a second. */
const csvRow = (id: number) => `${1_750_000_000_000 + id * 1000},84.5,0.25,${id % 2 ? 'buy' : 'sell'},${id}\n`;
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('a replay of the August recording proves what it holds, and leaves nothing behind', needsRecordings, async (t) => {
  const { run, leftOver } = workplace(t);
  // In the wrong order: the receive times tell.
  const ended = await run('replay', '--json', '--fail-on-gap', recording(paths[1]), recording(paths[0]));
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stderr, '');
  const { isComplete, streams, gaps, findings, books, candles, dataDir } = dataOf(ended);
  assert.deepEqual(
    { isComplete, gaps, findings, dataDir },
    { isComplete: true, gaps: [], findings: [], dataDir: null },
  );
  assert.deepEqual(
    Object.fromEntries(streams.map(({ stream, frames, rows, gaps }) => [stream, [frames, rows, gaps]])),
    { trade: [19_904, 19_904, 0], depth: [6495, 6495, 0], 'book-ticker': [73_174, 73_174, 0] },
  );
  const trades = streams.find(({ stream }) => stream === 'trade')!;
  assert.deepEqual([trades.firstId, trades.lastId, trades.missingIds], [firstTradeId, lastTradeId, 0]);
  const [book] = books;
  assert.deepEqual(
    [book!.equalToTickers, book!.comparedWithTickers, book!.appliedEvents, book!.breaks],
    [5734, 5736, 6492, 0],
  );
  assert.deepEqual(
    [book!.bestBid, book!.bestAsk, book!.bidLevels, book!.askLevels],
    [{ price: '61602.01', quantity: '1.67177' }, { price: '61602.02', quantity: '2.66795' }, 1971, 2962],
  );
  const minutes = candles.find(({ interval }) => interval === '1m')!;
  assert.deepEqual([minutes.candles, minutes.states], [12, { final: 10, forming: 1, partial: 1 }]);
  assert.deepEqual(leftOver(), []);
});

test('a recording with lost ids names them, fails when asked to, and can be queried in a folder that is kept', async (t) => {
  const { run, write, leftOver } = workplace(t);
  const rows = [...ids(100, 119), ...ids(123, 300)].map(csvRow).join('');
  const file = write('lossy.csv.gz', gzipSync(csvHead + rows));
  const ended = await run('--data-dir', 'kept', 'replay', '--symbol', 'ltcusdt', '--fail-on-gap', '--json', file);
  assert.equal(ended.code, 8, ended.stderr);
  const { isComplete, streams, gaps } = dataOf(ended);
  assert.equal(isComplete, false);
  assert.deepEqual(
    gaps.map(({ stream, fromId, toId, state }) => [stream, fromId, toId, state]),
    [['agg-trade', 120, 122, 'declared']],
  );
  assert.deepEqual(
    [streams[0]!.instrument, streams[0]!.rows, streams[0]!.missingIds],
    ['binance:spot:LTCUSDT', 198, 3],
  );
  assert.deepEqual(leftOver(), []);

  const query = [
    '--data-dir',
    'kept',
    'sql',
    '--format',
    'csv',
    'SELECT count(*) AS n, max(agg_trade_id) AS last FROM agg_trades',
  ];
  const [text, asked, again] = await Promise.all([
    run('replay', '--symbol', 'LTCUSDT', file),
    run(...query),
    run('--data-dir', 'kept', 'replay', '--symbol', 'LTCUSDT', file),
  ]);
  assert.equal(text.code, 0, 'gaps are a failure only when that was asked for');
  assert.match(text.stdout, /agg-trade +120 +122 +3 +declared +server-drop/);
  assert.match(text.stdout, /NOT complete: gaps not repaired: 1/);
  assert.equal(asked.stdout, 'n,last\n198,300\n');
  assert.equal(again.code, 5);
  assert.match(again.stderr, /cannot replay into kept: something is there already .*\[data-folder-used\]/);
});

test('a file that is no recording is refused with what is wrong with it', async (t) => {
  const { run, write, leftOver } = workplace(t);
  const line = (data: string) => `1723161253937111 {"stream":"btcusdt@trade","data":${data}}\n`;
  const trade = line(
    '{"e":"trade","E":1723161255208,"s":"BTCUSDT","t":1,"p":"1.00","q":"1.0","T":1723161255207,"m":true,"M":true}',
  );
  const gzipped = gzipSync(trade.repeat(200));
  const cases: [args: string[], code: number, message: RegExp][] = [
    [[write('note.txt', 'hello\n')], 2, /its beginning is of no known format: "hello\\n" .*\[bad-recording\]/],
    [[write('empty.txt', '')], 2, /no known format: ""/],
    [[write('cut.gz', gzipped.subarray(0, gzipped.length - 9))], 2, /cannot unpack the recording cut\.gz/],
    [[write('broken.txt', `${trade}and then this\n${trade}`)], 2, /broken\.txt, line 2: .* receive time/],
    [[write('mutated.txt', trade + line('{"e":"trade",,}'))], 2, /cannot play the recording .*JSON/],
    [[write('liquidations.txt', trade.replace('@trade', '@forceOrder'))], 2, /none of its streams .*@forceOrder/],
    [[write('rows.csv', csvHead + csvRow(1))], 2, /do not say of which symbol they are — name the symbol/],
    [['--symbol', 'LTCUSDT', write('head.csv', csvHead)], 2, /there is no frame in it/],
    [
      ['--symbol', 'LTCUSDT', write('words.csv', `${csvHead}1,abc,1,buy,1\n`)],
      2,
      /words\.csv, line 2: "abc" is no decimal/,
    ],
    [['--symbol', 'LTCUSDT', write('foreign.json', '[{"foo":1}]')], 2, /foreign\.json, row 1: it is no aggregate/],
    [['.'], 2, /it is not a file/],
    [['missing.gz'], 4, /cannot read missing\.gz: there is no such file \[not-found\]/],
    [[], 2, /missing required argument 'file'/],
    [['--speed', '0', 'note.txt'], 2, /it must be a number above 0, or full/],
    [['--rest-file', 'note.txt', 'note.txt', 'empty.txt'], 2, /--rest-file belongs to one file/],
  ];
  await inPairs(cases, async ([args, code, message]) => {
    const ended = await run('replay', ...args);
    assert.match(ended.stderr, message);
    assert.deepEqual([ended.code, ended.stdout], [code, ''], args.join(' '));
    assert.doesNotMatch(ended.stderr, /^ +at /m, 'a stack trace helps nobody');
  });
  assert.deepEqual(leftOver(), []);
});

test('Ctrl-C ends a replay that is served, and its temporary folder goes', async (t) => {
  const { options, write, leftOver } = workplace(t);
  const file = write('slow.csv', csvHead + ids(1, 1000).map(csvRow).join(''));
  const args = ['replay', '--symbol', 'LTCUSDT', '--speed', '20', '--serve', '--port', '0', file];
  const replay = new TidemarkProcess(args, options);
  t.after(() => replay.kill());
  await until(() => replay.stderr.includes('http://') || replay.hasEnded, 'the address');
  const url = /http:\/\/\S+/.exec(replay.stderr)![0];
  await until(async () => {
    const { dataKind, ledger } = await getJson<StatusAnswer>(`${url}/api/v1/status`);
    assert.equal(dataKind, 'replay');
    return (ledger[0]?.heldIds ?? 0) > 10;
  }, 'aggregates in the engine');
  assert.equal(leftOver().length, 1);
  const { code, stdout } = await replay.kill('SIGINT');
  assert.deepEqual([code, stdout], [130, '']);
  assert.deepEqual(leftOver(), []);
});

async function inPairs<T>(cases: readonly T[], one: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...cases];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await one(item);
  };
  await Promise.all([lane(), lane()]);
}
