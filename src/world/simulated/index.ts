import { TidemarkError } from '../../domain/error.ts';
import type { World } from '../../ports/world.ts';
import { Agenda } from './agenda.ts';
import { SimulatedDisk } from './disk.ts';

export interface SimulatedWorld extends World {
  readonly agenda: Agenda;
  readonly disk: SimulatedDisk;
}

/** A world whose clock, timers, randomness and disk come from one seed. It has no network yet: every dialling fails. */
export function createSimulatedWorld(seed: number, options: { startWallUs?: number } = {}): SimulatedWorld {
  const fraction = seededFractions(seed);
  const agenda = new Agenda();
  const startWallUs = options.startWallUs ?? 1_700_000_000_000_000;
  const disk = new SimulatedDisk(
    (count) => (fraction() < 0.5 ? 0 : Math.floor(fraction() * (count + 1))),
    (callback) => agenda.at(50 + Math.floor(fraction() * 5000), callback),
  );
  return {
    agenda,
    disk,
    files: disk,
    clock: { wallUs: () => startWallUs + agenda.nowUs, monotonicUs: () => agenda.nowUs },
    timers: {
      after: (delayMs, callback) => agenda.at(delayMs * 1000, callback),
      every(periodMs, callback) {
        let cancel: () => void = () => {};
        const next = (): void => {
          cancel = agenda.at(periodMs * 1000, () => {
            next();
            callback();
          });
        };
        next();
        return () => cancel();
      },
    },
    random: {
      fraction,
      hex: (bytes) =>
        Array.from({ length: bytes }, () =>
          Math.floor(fraction() * 256)
            .toString(16)
            .padStart(2, '0'),
        ).join(''),
    },
    network: {
      webSocket(_url, events) {
        agenda.at(1000, () => events.closed({ code: 1006, reason: 'this world has no network', byUs: false }));
        return { send() {}, pause() {}, resume() {}, close() {}, terminate() {} };
      },
      httpGet: async (url) => {
        throw new TidemarkError('network', { doing: 'get', what: url, why: 'this world has no network' });
      },
    },
  };
}

/** mulberry32: small, seeded, good enough for choosing faults. */
function seededFractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
