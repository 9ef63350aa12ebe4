import { useLocation } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useStore } from '../live/store.ts';
import { useLive } from '../state/context.tsx';
import type { IconName } from './icons.tsx';

export type PageName = 'chart' | 'sql' | 'jobs' | 'reports';

/** Pages beside the chart. */
export const pages = [
  { page: 'sql', path: '/sql', name: 'SQL', icon: 'sql' },
  { page: 'jobs', path: '/jobs', name: 'Jobs', icon: 'jobs' },
  { page: 'reports', path: '/reports', name: 'Reports', icon: 'report' },
] as const satisfies readonly { page: PageName; path: string; name: string; icon: IconName }[];

export function usePage(): PageName | undefined {
  const path = useLocation({ select: ({ pathname }) => pathname });
  if (path.startsWith('/chart/')) return 'chart';
  return pages.find((page) => path === page.path)?.page;
}

/** SIMULATED and REPLAY always come first. */
export function usePageTitle(title: string): void {
  const { dataKind } = useStore(useLive().link);
  useEffect(() => {
    const word = dataKind === 'simulated' ? 'SIMULATED · ' : dataKind === 'replay' ? 'REPLAY · ' : '';
    document.title = `${word}${title} · Tidemark`;
  }, [title, dataKind]);
}
