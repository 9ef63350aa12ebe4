import type { ConnectionWord } from '../live/connection-word.ts';

export type PillWord = ConnectionWord | 'SIMULATED' | 'REPLAY' | 'PAUSED';

/** A state in its own shape, so that it reads without colour, and always in words. */
export function Pill({ word }: { word: PillWord }) {
  return (
    <span className="pill" data-word={word}>
      <i aria-hidden="true" />
      {word}
    </span>
  );
}
