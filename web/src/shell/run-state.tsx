import type { ReactNode } from 'react';
import type { RunState } from '../../../src/protocol/jobs.ts';

export type RunSign = RunState | 'waiting' | 'lost' | 'paused' | 'off';

/** A run's state in its own shape, so that it reads without colour, and in words. */
export function RunStateSign({ sign, children }: { sign: RunSign; children?: ReactNode }) {
  return (
    <span className="run-state" data-state={sign}>
      <i aria-hidden="true" />
      {children ?? sign}
    </span>
  );
}
