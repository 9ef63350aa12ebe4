import { Menu } from '@base-ui/react/menu';
import { useStore } from '../live/store.ts';
import { type Direction, preferences, setPreferences, type Theme } from '../state/preferences.ts';
import { dateTimeText } from '../text/time-text.ts';
import { Icon, Logo } from './icons.tsx';
import { PageNav } from './page-nav.tsx';
import { setUi } from './ui-state.ts';
import { useConnection } from './use-connection.ts';

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system'],
  ['dark', 'Dark'],
  ['light', 'Light'],
  ['contrast', 'High contrast'],
];
const directions: readonly (readonly [Direction, string, string])[] = [
  ['safe', 'Blue up, amber down', 'told apart with every colour vision'],
  ['teal-red', 'Teal up, red down', 'market habit'],
  ['red-up', 'Red up, teal down', 'East Asia'],
];

function Clock() {
  const { link, nowMs } = useConnection();
  const atUs =
    link.status === undefined || link.statusAtMs === undefined
      ? undefined
      : link.status.nowUs + Math.max(0, nowMs - link.statusAtMs) * 1000;
  return (
    <span className="clock figure" title="Time of the server, UTC">
      {atUs === undefined ? '––:––:––' : dateTimeText(atUs)} <span className="dim">UTC</span>
    </span>
  );
}

export function TopBar() {
  const { theme, direction } = useStore(preferences);
  return (
    <header className="top">
      <div className="brand">
        <Logo />
        <span>Tidemark</span>
      </div>
      <PageNav />
      <div className="grow" />
      <button type="button" className="find" onClick={() => setUi({ palette: '' })}>
        <Icon name="search" />
        <span>Symbol, page, command</span>
        <kbd>Ctrl K</kbd>
      </button>
      <Clock />
      <Menu.Root>
        <Menu.Trigger className="button" aria-label="Theme and colours">
          <Icon name={theme === 'light' ? 'sun' : 'moon'} />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner className="layer-menu" sideOffset={6} align="end">
            <Menu.Popup className="menu">
              <Menu.RadioGroup value={theme} onValueChange={(value) => setPreferences({ theme: value as Theme })}>
                <div className="menu-head">Theme</div>
                {themes.map(([value, name]) => (
                  <Menu.RadioItem key={value} value={value} className="menu-item" closeOnClick>
                    <Menu.RadioItemIndicator className="menu-check" keepMounted>
                      <Icon name="check" />
                    </Menu.RadioItemIndicator>
                    {name}
                  </Menu.RadioItem>
                ))}
              </Menu.RadioGroup>
              <Menu.RadioGroup
                value={direction}
                onValueChange={(value) => setPreferences({ direction: value as Direction })}
              >
                <div className="menu-head">Direction colours</div>
                {directions.map(([value, name, why]) => (
                  <Menu.RadioItem key={value} value={value} className="menu-item" closeOnClick>
                    <Menu.RadioItemIndicator className="menu-check" keepMounted>
                      <Icon name="check" />
                    </Menu.RadioItemIndicator>
                    <span>
                      {name} <span className="dim">{why}</span>
                    </span>
                  </Menu.RadioItem>
                ))}
              </Menu.RadioGroup>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <button type="button" className="button" aria-label="Keys and signs" onClick={() => setUi({ help: true })}>
        <Icon name="help" />
      </button>
    </header>
  );
}
