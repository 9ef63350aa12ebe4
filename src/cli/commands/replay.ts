import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import { instrumentId } from '../../domain/instrument.ts';
import type { RecordingFormat, ReplayFeed } from '../../harbour/index.ts';
import { interleaveFeeds, mutate, openRecording, recordingFormats } from '../../harbour/index.ts';
import type { VenueHosts } from '../../ports/source.ts';
import { createNodeWorld } from '../../world/node/index.ts';
import { openCommitted } from '../committed.ts';
import type { Config } from '../config.ts';
import { configSchema } from '../config.ts';
import { exitCodes } from '../exit-codes.ts';
import { layoutOf } from '../layout.ts';
import { openLog } from '../log.ts';
import { print } from '../output.ts';
import { untilSignalled } from '../process.ts';
import { configOf, globalOptions } from '../program.ts';
import { proveReplay, withDepth } from '../replay/proof.ts';
import type { Recorded } from '../replay/recorded.ts';
import { surveyFeed } from '../replay/recorded.ts';
import type { ReplayAnswer } from '../replay/text.ts';
import { replayText } from '../replay/text.ts';
import type { WholeSystem } from '../whole-system.ts';
import { startWholeSystem } from '../whole-system.ts';
import { runEngine } from '../wire.ts';
import { portArgument } from './serve.ts';

interface ReplayOptions {
  readonly speed: number | 'full';
  readonly market?: 'spot' | 'usdm';
  readonly symbol?: string;
  readonly format?: RecordingFormat;
  readonly restFile?: string;
  readonly serve?: boolean;
  readonly port?: number;
  readonly failOnGap?: boolean;
}

const longestAnswersMs = 10_000;
const lookMs = 20;

export function registerReplay(program: Command): void {
  program
    .command('replay')
    .description('recorded frames through the whole system, in a folder of its own, and what is proven of them')
    .argument('<file...>', 'recordings, gzipped or not; several are played as one, by receive time')
    .option('--speed <factor>', 'recorded seconds per second, or full: as fast as it goes', speedArgument, 'full')
    .addOption(new Option('--market <market>', 'where the file does not tell').choices(['spot', 'usdm']))
    .option('--symbol <symbol>', 'where the file does not tell, as in CSV without a symbol column', symbolArgument)
    .addOption(new Option('--format <format>', 'instead of a look at the first bytes').choices([...recordingFormats]))
    .option('--rest-file <file>', 'REST answers of the same session, with the depth snapshots in them')
    .option('--serve', 'keep the dashboard open until Ctrl-C')
    .option('--port <number>', 'with --serve: port of the dashboard, instead of the setting server.port', portArgument)
    .option('--fail-on-gap', `exit with ${exitCodes.checkFailed} when anything is missing or was found wrong`)
    .addHelpText(
      'after',
      `\nWith --data-dir the data stay there, for sql and gaps; the folder must be new or empty.

Examples:
  tidemark replay btcusdt_20240808.gz btcusdt_20240809.gz
  tidemark replay --symbol LTCUSDT --fail-on-gap trades.csv.gz
  tidemark --data-dir august replay btcusdt_20240808.gz && tidemark --data-dir august sql "SELECT count(*) FROM trades"
  tidemark replay --speed 10 --serve btcusdt_20240808.gz`,
    )
    .action(async (files: string[], options: ReplayOptions, command: Command) => {
      process.exitCode = await replay(files, options, command);
    });
}

async function replay(files: readonly string[], options: ReplayOptions, command: Command): Promise<number> {
  const { config: settings, origin } = configOf(command);
  if (options.restFile !== undefined && files.length > 1) command.error('error: --rest-file belongs to one file');
  const startedAtMs = performance.now();
  const recording = openFeed(files, options);
  const recorded = surveyFeed(recording);
  if (recorded.streams.length === 0) throw nothingToPlay(files, recorded);
  const feed = onlyKnown(recording, recorded);
  const keptIn = globalOptions(command).dataDir;
  if (keptIn !== undefined) refuseUsed(keptIn);
  const dataDir = keptIn === undefined ? mkdtempSync(path.join(tmpdir(), 'tidemark-replay-')) : path.resolve(keptIn);
  const signalled = untilSignalled();
  const log = openLog(origin['log.level'] === 'default' ? 'warn' : settings.log.level, 'replay');
  const configFor = (hosts: VenueHosts): Config =>
    configSchema.parse({
      ...settings,
      dataDir,
      // What is replayed stays apart from what was recorded.
      catalog: {},
      shipping: {},
      dataKind: 'replay',
      instruments: [...new Set(recorded.streams.map(({ instrument }) => instrumentId(instrument)))],
      streams: [...new Set(recorded.streams.map(({ kind }) => kind))],
      venue: hosts,
      server: options.serve
        ? { ...settings.server, port: options.port ?? settings.server.port }
        : { ...settings.server, host: '127.0.0.1', port: 0 },
    });
  const engineSettings = { streams: recorded.streams, venueTimeMode: 'frames' } as const;
  // What is under way when a signal comes is ended here, the last first.
  const stops: (() => Promise<unknown> | undefined)[] = [];
  try {
    const starting = startWholeSystem({
      harbour: { mode: { kind: 'replay', feed, speed: options.speed }, keep: { sentPerConnection: 0 } },
      config: configFor,
      cwd: process.cwd(),
      log,
      settings: engineSettings,
    });
    stops.push(async () => (await starting.catch(() => undefined))?.stop());
    const working = (async () => {
      const system = await starting;
      if (options.serve) process.stderr.write(`the replay is at ${system.running.server.url}\n`);
      await system.finished();
      await answered(system, recorded);
      const { view } = system.running.engine;
      const [ledger, gaps] = [view.ledger(), view.gaps({})];
      // Committed whole; recorder and harbour stay, so that no stream ends.
      await system.stopEngine();
      const committed = await openCommitted(layoutOf(dataDir, process.cwd()));
      stops.push(() => committed.close());
      const proof = await proveReplay(recorded, committed, ledger, gaps);
      const answer: ReplayAnswer = {
        files,
        frames: recorded.frames,
        recordedFromUs: recorded.firstAtUs,
        recordedToUs: recorded.lastAtUs,
        unknownStreams: recorded.unknown,
        dataDir: keptIn === undefined ? null : dataDir,
        elapsedMs: Math.round(performance.now() - startedAtMs),
        ...proof,
      };
      print('replay', globalOptions(command), answer, () => replayText(answer), warningsOf(recorded));
      if (options.serve) {
        const engine = await runEngine(configFor(system.harbour.hosts), process.cwd(), log, engineSettings);
        stops.push(() => engine.stop());
        process.stderr.write(`all of it is still at ${engine.server.url} — Ctrl-C ends it\n`);
        await Promise.race([engine.done, system.failed]);
      }
      return options.failOnGap && !proof.isComplete ? exitCodes.checkFailed : exitCodes.success;
    })();
    working.catch(() => {});
    return await Promise.race([working, signalled]);
  } finally {
    for (const stop of stops.toReversed()) await stop();
    if (keptIn === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

function openFeed(files: readonly string[], { market, symbol, format, restFile }: ReplayOptions): ReplayFeed {
  for (const file of [...files, ...(restFile === undefined ? [] : [restFile])]) {
    if (!existsSync(file)) {
      throw new TidemarkError('not-found', { doing: 'read', what: file, why: 'there is no such file' });
    }
    if (!statSync(file).isFile()) {
      throw new TidemarkError('bad-recording', {
        doing: 'play the recording',
        what: file,
        why: 'it is not a file',
        now: 'name the files in it',
      });
    }
  }
  const settings = {
    ...(market === undefined ? {} : { market }),
    ...(symbol === undefined ? {} : { symbol }),
    ...(format === undefined ? {} : { format }),
    ...(restFile === undefined ? {} : { restFile }),
  };
  const world = createNodeWorld();
  const feeds = files.map((file) => openRecording(world.files, file, settings));
  return feeds.length === 1 ? feeds[0]! : interleaveFeeds(...feeds);
}

/** Streams that nobody would subscribe are not waited for. */
function onlyKnown(feed: ReplayFeed, { unknown }: Recorded): ReplayFeed {
  if (unknown.length === 0) return feed;
  const names = new Set(unknown.map(({ name }) => name));
  return mutate(feed, { dropFrames: (frame) => names.has(`${frame.market}/${frame.stream}`) });
}

function nothingToPlay(files: readonly string[], { frames, unknown }: Recorded): TidemarkError {
  return new TidemarkError('bad-recording', {
    doing: 'play the recording',
    what: files.join(', '),
    why:
      frames === 0
        ? 'there is no frame in it'
        : `none of its streams is one that Tidemark records: ${unknown.map(({ name }) => name).join(', ')}`,
    now: 'give a recording of trades, aggregates, depth, book tickers, tickers or candles',
  });
}

/** A replay beside other data would be told apart by nothing. */
function refuseUsed(folder: string): void {
  if (!existsSync(folder)) return;
  if (statSync(folder).isDirectory() && readdirSync(folder).length === 0) return;
  throw new TidemarkError('data-folder-used', {
    doing: 'replay into',
    what: folder,
    why: 'something is there already',
    now: 'name a new or empty folder with --data-dir, or leave it out for a temporary one',
  });
}

/** Until the venue was asked about every gap and for every snapshot; a gap at the very end may stay open. */
async function answered(system: WholeSystem, recorded: Recorded): Promise<void> {
  const { view } = system.running.engine;
  const endMs = performance.now() + longestAnswersMs;
  const books = withDepth(recorded).filter((instrument) => recorded.withSnapshot.has(instrumentId(instrument)));
  const isOpen = () =>
    view.gaps({}).some(({ state }) => state === 'open' || state === 'repairing') ||
    books.some((instrument) => view.book(instrument, 1).state === 'syncing');
  while (isOpen() && performance.now() < endMs) {
    await Promise.race([system.failed, new Promise((resolve) => setTimeout(resolve, lookMs))]);
  }
  await system.derived();
}

function warningsOf({ unknown }: Recorded): string[] {
  return unknown.map(({ name, frames }) => `${frames} frames of ${name} were not played: Tidemark does not record it`);
}

function speedArgument(text: string): number | 'full' {
  const speed = Number(text);
  if (text === 'full') return 'full';
  if (!(speed > 0) || speed > 100_000) throw new InvalidArgumentError('it must be a number above 0, or full.');
  return speed;
}

function symbolArgument(text: string): string {
  if (!/^[A-Z0-9]{2,30}$/i.test(text)) throw new InvalidArgumentError('it must be like BTCUSDT.');
  return text.toUpperCase();
}
