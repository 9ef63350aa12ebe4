import { Outlet } from '@tanstack/react-router';
import { useEffect } from 'react';
import { isCold } from '../live/connection-word.ts';
import { useStore } from '../live/store.ts';
import { Help } from './help.tsx';
import { Icon, type IconName } from './icons.tsx';
import { Palette } from './palette.tsx';
import { Banner, StatusStrip } from './status-strip.tsx';
import { TopBar } from './top-bar.tsx';
import { type Sheet, setUi, ui } from './ui-state.ts';
import { useConnection } from './use-connection.ts';

const sheets: readonly (readonly [Sheet, IconName, string])[] = [
  ['chart', 'candles', 'Chart'],
  ['book', 'book', 'Book'],
  ['tape', 'tape', 'Tape'],
];

/** What every page stands in. The attributes on the root let styles follow the state of the feed and the kind of data. */
export function Shell() {
  const { word, link } = useConnection();
  const { sheet } = useStore(ui);
  const kind = link.dataKind ?? 'live';
  useEffect(() => {
    const root = document.documentElement;
    root.dataset['conn'] = isCold(word) ? 'cold' : 'warm';
    root.dataset['kind'] = kind;
    document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href =
      kind === 'simulated' || kind === 'replay' ? '/favicon-simulated.svg' : '/favicon.svg';
  }, [word, kind]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setUi({ palette: '' });
      }
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
  return (
    <div className="shell" data-sheet={sheet}>
      <TopBar />
      <Outlet />
      <Banner />
      <StatusStrip />
      <nav className="tabs" aria-label="Panels">
        {sheets.map(([value, icon, name]) => (
          <button
            key={value}
            type="button"
            aria-current={sheet === value ? 'page' : undefined}
            onClick={() => setUi({ sheet: value })}
          >
            <Icon name={icon} />
            {name}
          </button>
        ))}
      </nav>
      <Palette />
      <Help />
    </div>
  );
}
