import { Outlet } from '@tanstack/react-router';
import { useEffect } from 'react';
import { isCold } from '../live/connection-word.ts';
import { useStore } from '../live/store.ts';
import { Help } from './help.tsx';
import { Tabs } from './page-nav.tsx';
import { Palette } from './palette.tsx';
import { Banner, StatusStrip } from './status-strip.tsx';
import { TopBar } from './top-bar.tsx';
import { setUi, ui } from './ui-state.ts';
import { useConnection } from './use-connection.ts';

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
      <Tabs />
      <Palette />
      <Help />
    </div>
  );
}
