import { useQuery } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import type { InstrumentRow } from '../../../src/protocol/api.ts';
import { getInstruments } from '../live/api.ts';
import type { LiveClient } from '../live/client.ts';

export const LiveContext = createContext<LiveClient | null>(null);

export function useLive(): LiveClient {
  const client = useContext(LiveContext);
  if (client === null) throw new Error('used outside of the shell');
  return client;
}

export function useInstruments(): { rows: readonly InstrumentRow[]; isLoading: boolean; error: Error | null } {
  const query = useQuery({
    queryKey: ['instruments'],
    queryFn: ({ signal }) => getInstruments(signal),
    refetchInterval: (held) => (held.state.data === undefined || held.state.data.length === 0 ? 2_000 : 15_000),
  });
  return { rows: query.data ?? [], isLoading: query.isPending, error: query.error };
}
