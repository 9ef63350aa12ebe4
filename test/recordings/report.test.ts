import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openReportWorkshop } from '../../src/cli/report-workshop.ts';
import { openStores, openWorld } from '../../src/cli/wire.ts';
import { formatScaled } from '../../src/domain/decimal.ts';
import { instrumentId } from '../../src/domain/instrument.ts';
import { silentLog } from '../../src/ports/log.ts';
import { askedWish } from '../../src/reports/index.ts';
import { needsRecordings } from '../recordings.ts';
import { startSystem } from '../support/system.ts';
import { btcusdt, feed } from './spot-btcusdt-2024.ts';

test('a report of eleven recorded minutes has the figures of SQL, spreads at venue time, and says REPLAY', {
  ...needsRecordings,
  timeout: 120_000,
}, async (t) => {
  const system = await startSystem(t, { mode: { kind: 'replay', feed: feed(), speed: 'full' } });
  await system.finished();
  await system.stop();
  const { config, layout } = system;
  const world = openWorld(config);
  const stores = await openStores(layout, { settings: config, isReadOnly: true });
  t.after(() => stores.close());
  const { make, shelf } = await openReportWorkshop(config, layout.dataDir, layout, stores, world, silentLog);
  const wish = askedWish(instrumentId(btcusdt), Date.UTC(2024, 7, 8, 23, 54) * 1000, Date.UTC(2024, 7, 9, 0, 5) * 1000);
  const { report } = await make(wish);
  assert.equal(report.dataKind, 'replay');
  const text = async (name: string) => Buffer.from((await shelf.file(report.id, name)).bytes).toString('utf8');
  const rows = (csv: string) =>
    csv
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(','));

  const within = "traded_at >= '2024-08-08 23:54:00+00' AND traded_at < '2024-08-09 00:05:00+00'";
  const [[volume, turnover, trades, first, last] = []] = await system.sql(
    `SELECT sum(quantity), sum(quote_quantity), count(*), min(trade_id), max(trade_id) FROM trades WHERE ${within}`,
  );
  assert.deepEqual([report.heldIds, report.expectedIds], [Number(trades), Number(trades)]);
  const candles = rows(await text('candles.csv'));
  assert.equal(candles.length, 11);
  const sum = (column: number, scale: number) =>
    formatScaled(
      candles.reduce((total, cells) => total + BigInt(cells[column]!.replace('.', '')), 0n),
      scale,
    );
  assert.deepEqual([sum(6, 8), sum(7, 16)], [volume, turnover]);
  const profile = rows(await text('volume-profile.csv'));
  assert.equal(
    formatScaled(
      profile.reduce((total, cells) => total + BigInt(cells[2]!.replace('.', '')), 0n),
      8,
    ),
    volume,
  );
  assert.deepEqual([candles[0]![11], candles.at(-1)![12]], [first, last]);

  // Tickers have no venue time of their own: a replay gives them that of the depth event with their id.
  const spread = rows(await text('spread.csv'));
  assert.equal(spread.length, 11);
  assert.ok(spread.reduce((total, cells) => total + Number(cells[1]), 0) > 600, 'seconds known');
  assert.ok(
    spread.every((cells) => Number(cells[2]) >= 0.0015 && Number(cells[2]) < 1),
    'a cent of 61,600 and more',
  );

  const page = (await text('report.html')).replaceAll('\u2009', '');
  assert.match(page, /<title>REPLAY · /);
  for (const figure of [volume, turnover, first, last, trades])
    assert.ok(page.includes(figure!.replace(/\.?0+$/, '')) || page.includes(figure!), figure!);
});
