import { Menu } from '@base-ui/react/menu';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useStore } from '../live/store.ts';
import { Icon, type IconName } from './icons.tsx';
import { pages, usePage } from './pages.ts';
import { type Sheet, setUi, ui } from './ui-state.ts';

/** Goes to the chart that was looked at last, as it was. */
function ChartLink({ children }: { children: ReactNode }) {
  const { lastChart } = useStore(ui);
  const options = { activeOptions: { exact: true, includeSearch: false } } as const;
  if (lastChart === undefined)
    return (
      <Link to="/" {...options}>
        {children}
      </Link>
    );
  return (
    <Link
      to="/chart/$instrument"
      params={{ instrument: lastChart.instrument }}
      search={lastChart.search as never}
      {...options}
    >
      {children}
    </Link>
  );
}

export function PageNav() {
  return (
    <nav className="nav" aria-label="Pages">
      <ChartLink>Chart</ChartLink>
      {pages.map(({ path, name }) => (
        <Link key={path} to={path} activeOptions={{ includeSearch: false }}>
          {name}
        </Link>
      ))}
    </nav>
  );
}

const sheets: readonly (readonly [Sheet, IconName, string])[] = [
  ['chart', 'candles', 'Chart'],
  ['book', 'book', 'Book'],
  ['tape', 'tape', 'Tape'],
];

/** What a phone has instead of the bar above: panels of the chart, then pages. */
export function Tabs() {
  const { sheet, lastChart } = useStore(ui);
  const at = usePage();
  const navigate = useNavigate();
  const toSheet = (value: Sheet): void => {
    setUi({ sheet: value });
    if (at === 'chart') return;
    if (lastChart === undefined) void navigate({ to: '/' });
    else
      void navigate({
        to: '/chart/$instrument',
        params: { instrument: lastChart.instrument },
        search: lastChart.search as never,
      });
  };
  const more = pages.filter(({ page }) => page !== 'jobs');
  return (
    <nav className="tabs" aria-label="Panels and pages">
      {sheets.map(([value, icon, name]) => (
        <button
          key={value}
          type="button"
          aria-current={at === 'chart' && sheet === value ? 'page' : undefined}
          onClick={() => toSheet(value)}
        >
          <Icon name={icon} />
          {name}
        </button>
      ))}
      <Link to="/jobs" activeOptions={{ includeSearch: false }}>
        <Icon name="jobs" />
        Jobs
      </Link>
      <Menu.Root>
        <Menu.Trigger aria-current={more.some(({ page }) => page === at) ? 'page' : undefined}>
          <Icon name="more" />
          More
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner className="layer-menu above-tabs" side="top" sideOffset={6} align="end">
            <Menu.Popup className="menu">
              {more.map(({ path, name, icon }) => (
                <Menu.Item key={path} className="menu-item" onClick={() => void navigate({ to: path })}>
                  <Icon name={icon} />
                  {name}
                </Menu.Item>
              ))}
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
    </nav>
  );
}
