import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CandleState } from '../domain/state.ts';
import type { CandleRow } from '../protocol/api.ts';
import { Hub, type LiveSource } from './hub.ts';
import type { InstrumentState } from './instrument-state.ts';

const secondUs = 1_000_000;
const startUs = 1_700_000_000 * secondUs;
const instrument = 'binance:spot:BTCUSDT';

/** One instrument whose 1 s candles are what the test says; the hub asks and sends. */
class Scene {
  readonly states = new Map<number, CandleState>();
  readonly sent: string[] = [];
  readonly #state = { id: instrument } as InstrumentState;
  venueNowUs = startUs;
  tidemarkUs = startUs;
  readonly hub = new Hub(
    {} as never,
    {
      find: () => this.#state,
      progress: () => ({ venueNowUs: this.venueNowUs, tidemarkUs: this.tidemarkUs }),
      recentCandles: (_state, _interval, fromUs) =>
        [...this.states]
          .map(([at, state]) => ({ openedAtUs: startUs + at * secondUs, state }) as CandleRow)
          .filter((row) => row.openedAtUs + secondUs > fromUs),
    } as Partial<LiveSource> as LiveSource,
  );

  constructor() {
    this.hub.follow({ kind: 'candles', instrument, interval: '1s' }, ({ payload }) => {
      if (payload.kind !== 'candles') return;
      for (const row of payload.candles) this.sent.push(`${(row.openedAtUs - startUs) / secondUs} ${row.state}`);
    });
  }

  /** A second passes: venue time is `at`, and the tidemark where given. */
  pulse(at: number, tidemark: number): string[] {
    this.venueNowUs = startUs + at * secondUs;
    this.tidemarkUs = startUs + tidemark * secondUs;
    this.hub.pulsed();
    return this.tick();
  }

  changed(at: number): string[] {
    this.hub.candlesChanged(this.#state, startUs + at * secondUs);
    return this.tick();
  }

  tick(): string[] {
    this.hub.tick();
    return this.sent.splice(0);
  }
}

test('a candle that a later trade proved is sent as final with the next pulse, and then no more', () => {
  const scene = new Scene();
  scene.states.set(0, 'forming');
  scene.pulse(0, 0);
  scene.states.set(0, 'provisional').set(1, 'forming');
  assert.deepEqual(scene.pulse(1, 0.5), ['0 provisional', '1 forming']);
  // The trade that proves candle 0 belongs to candle 1, and moves the tidemark past both pulses' instants.
  scene.states.set(0, 'final');
  assert.deepEqual(scene.changed(1), ['1 forming']);
  assert.ok(scene.pulse(1.9, 1.8).includes('0 final'));
  assert.ok(!scene.pulse(2.5, 2.4).some((row) => row.startsWith('0 ')));
});

test('candles wait for their proof behind a tidemark that stands, and are sent when it comes', () => {
  const scene = new Scene();
  for (let at = 0; at < 10; at++) {
    if (at > 0) scene.states.set(at - 1, 'provisional');
    scene.states.set(at, 'forming');
    scene.pulse(at, 0);
  }
  for (let at = 0; at < 9; at++) scene.states.set(at, 'final');
  const sent = scene.pulse(9.5, 9.4);
  for (let at = 0; at < 9; at++) assert.ok(sent.includes(`${at} final`), `candle ${at}`);
});

test('a candle that was read before the channel was followed is sent once more when it is proven', () => {
  const scene = new Scene();
  scene.states.set(0, 'provisional').set(1, 'provisional').set(2, 'forming');
  scene.pulse(2, 0);
  scene.states.set(0, 'final').set(1, 'final');
  const sent = scene.pulse(2.9, 0);
  assert.ok(sent.includes('0 final') && sent.includes('1 final'), sent.join(', '));
  assert.ok(!scene.pulse(3.5, 0).some((row) => row.startsWith('0 ')));
});
