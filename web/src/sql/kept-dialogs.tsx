import { useState } from 'react';
import { useStore } from '../live/store.ts';
import { WorkDialog } from '../shell/work-dialog.tsx';
import { groupDigits } from '../text/number-text.ts';
import { dateTimeText } from '../text/time-text.ts';
import { keep, keptTexts, openTab, save } from './kept-texts.ts';

export function HistoryDialog({ onClose }: { onClose: () => void }) {
  const { history } = useStore(keptTexts);
  return (
    <WorkDialog title="History" onClose={onClose}>
      <ul className="kept-list">
        {history.length === 0 && <li className="panel-none">Nothing was run yet.</li>}
        {history.map((ran) => (
          <li key={`${ran.atMs} ${ran.sql.length}`}>
            <button
              type="button"
              title={ran.sql}
              onClick={() => {
                openTab('history.sql', `${ran.sql};\n`);
                onClose();
              }}
            >
              <span className="ellipsis strong">
                {ran.sql
                  .replace(/--[^\n]*\n/g, '')
                  .replace(/\s+/g, ' ')
                  .trim()}
              </span>
              <span className={ran.failure === null ? 'dim' : 'fault'}>
                {dateTimeText(ran.atMs * 1000)},{' '}
                {ran.failure ?? `${groupDigits(String(ran.rows ?? 0))} rows, ${Math.round(ran.elapsedMs)} ms`}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <div className="form">
        <div className="form-actions">
          <button
            type="button"
            className="button"
            disabled={history.length === 0}
            onClick={() => keep({ history: [] })}
          >
            Forget all
          </button>
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </WorkDialog>
  );
}

/** A file of the browser's own making. */
function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/sql' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name.endsWith('.sql') ? name : `${name}.sql`;
  link.click();
  URL.revokeObjectURL(url);
}

export function SavedDialog({ start, text, onClose }: { start: string; text: string; onClose: () => void }) {
  const { saved } = useStore(keptTexts);
  const [name, setName] = useState(start);
  return (
    <WorkDialog title="Saved queries" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          const { tabs, active } = keptTexts.current;
          save(name, text);
          keep({ tabs: tabs.map((tab) => (tab.id === active ? { ...tab, name } : tab)) });
        }}
      >
        <label htmlFor="saved-name">Save this as</label>
        <span className="saved-name">
          <input
            id="saved-name"
            className="field"
            required
            pattern="\S(.*\S)?"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <button type="submit" className="button main">
            Save
          </button>
        </span>
      </form>
      <ul className="kept-list">
        {saved.length === 0 && <li className="panel-none">Nothing is saved yet. Texts are kept in this browser.</li>}
        {saved.map((query) => (
          <li key={query.name}>
            <button
              type="button"
              title={query.text}
              onClick={() => {
                openTab(query.name, query.text);
                onClose();
              }}
            >
              <span className="ellipsis strong">{query.name}</span>
              <span className="ellipsis dim">{query.text.replace(/\s+/g, ' ').trim()}</span>
            </button>
            <button type="button" className="button" onClick={() => download(query.name, query.text)}>
              Download
            </button>
            <button
              type="button"
              className="button"
              aria-label={`Remove ${query.name}`}
              onClick={() => keep({ saved: saved.filter((other) => other !== query) })}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
    </WorkDialog>
  );
}
