import './app.css';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './live/api.ts';
import { LiveClient } from './live/client.ts';
import { Landing, NotFound } from './shell/landing.tsx';
import { Shell } from './shell/shell.tsx';
import { LiveContext } from './state/context.tsx';
import { readChartSearch } from './url/chart-url.ts';
import { readJobsSearch } from './url/jobs-url.ts';
import './state/preferences.ts';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const landing = createRoute({ getParentRoute: () => root, path: '/', component: Landing });
export const chartRoute = createRoute({
  getParentRoute: () => root,
  path: '/chart/$instrument',
  validateSearch: (search: Record<string, unknown>) => readChartSearch(search).search,
  component: lazyRouteComponent(() => import('./chart/chart-page.tsx'), 'ChartPage'),
});

const sqlRoute = createRoute({
  getParentRoute: () => root,
  path: '/sql',
  component: lazyRouteComponent(() => import('./sql/sql-page.tsx'), 'SqlPage'),
});
const jobsRoute = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  validateSearch: (search: Record<string, unknown>) => readJobsSearch(search),
  component: lazyRouteComponent(() => import('./jobs/jobs-page.tsx'), 'JobsPage'),
});
const reportsRoute = createRoute({
  getParentRoute: () => root,
  path: '/reports',
  component: lazyRouteComponent(() => import('./reports/reports-page.tsx'), 'ReportsPage'),
});

const router = createRouter({
  routeTree: root.addChildren([landing, chartRoute, sqlRoute, jobsRoute, reportsRoute]),
  pathParamsAllowedCharacters: [':'],
  defaultPreload: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: true,
      // A wrong question does not become right by asking again; a server that was away may be back.
      retry: (count, error) => !(error instanceof ApiError && error.status >= 400 && error.status < 500) && count < 3,
    },
  },
});

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <LiveContext value={new LiveClient()}>
        <RouterProvider router={router} />
      </LiveContext>
    </QueryClientProvider>
  </StrictMode>,
);
