import { useEffect, useState } from 'react';
import type { Link } from '../live/client.ts';
import { type ConnectionWord, connectionWord } from '../live/connection-word.ts';
import { useStore } from '../live/store.ts';
import { useLive } from '../state/context.tsx';
import { type ViewFacts, viewFacts } from '../state/view-facts.ts';

/** Re-renders once a second: ages and countdowns. */
export function useSecond(): number {
  const [nowMs, setNowMs] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

export interface Connection {
  readonly word: ConnectionWord;
  readonly link: Link;
  readonly facts: ViewFacts;
  readonly nowMs: number;
  /** How long the server has not been reached, ms. */
  readonly lostForMs: number | undefined;
}

export function useConnection(): Connection {
  const live = useLive();
  const link = useStore(live.link);
  const facts = useStore(viewFacts);
  const second = useSecond();
  const nowMs = Math.max(second, performance.now());
  const word = connectionWord({
    socket: link.socket.socket,
    attempt: link.socket.attempt,
    everOpen: link.socket.everOpen,
    online: navigator.onLine,
    status: link.status,
    statusAgeMs: link.statusAtMs === undefined ? undefined : nowMs - link.statusAtMs,
    laggingForMs: link.laggingSinceMs === undefined ? 0 : nowMs - link.laggingSinceMs,
    lastTradeAgeMs: facts.lastTradeSeenAtMs === undefined ? undefined : nowMs - facts.lastTradeSeenAtMs,
    dataKind: link.dataKind,
  });
  const { lostAtMs } = link.socket;
  const lostForMs = lostAtMs === null ? undefined : Math.max(0, performance.timeOrigin + nowMs - lostAtMs);
  return { word, link, facts, nowMs, lostForMs };
}

/** Server time as this page knows it, µs. */
export function serverNowUs(connection: Connection): number {
  const { status, statusAtMs } = connection.link;
  return status === undefined || statusAtMs === undefined
    ? Date.now() * 1000
    : status.nowUs + Math.max(0, performance.now() - statusAtMs) * 1000;
}
