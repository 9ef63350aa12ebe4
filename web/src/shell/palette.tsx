import { Dialog } from '@base-ui/react/dialog';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import { intervals } from '../../../src/protocol/api.ts';
import type { JobsAnswer } from '../../../src/protocol/jobs.ts';
import { useStore } from '../live/store.ts';
import { keptTexts, openTab } from '../sql/kept-texts.ts';
import { useInstruments } from '../state/context.tsx';
import { setPreferences } from '../state/preferences.ts';
import { marketName, parseInstrument, venueName } from '../url/chart-url.ts';
import { pages } from './pages.ts';
import { rankChoices } from './rank.ts';
import { setUi, ui } from './ui-state.ts';

interface Choice {
  readonly id: string;
  readonly text: string;
  readonly detail: string;
  readonly kind: 'Symbol' | 'Interval' | 'Page' | 'Job' | 'Query' | 'Command';
  readonly run: () => void;
}

/** Symbols, intervals, pages, jobs, saved queries and commands behind one field. */
export function Palette() {
  const { palette } = useStore(ui);
  const close = (): void => setUi({ palette: undefined });
  return (
    <Dialog.Root open={palette !== undefined} onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim" />
        <Dialog.Popup className="dialog palette" aria-label="Find a symbol, an interval, a page or a command">
          {palette !== undefined && <PaletteBody start={palette} close={close} />}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function PaletteBody({ start, close }: { start: string; close: () => void }) {
  const [text, setText] = useState(start);
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { rows } = useInstruments();
  const { instrument } = useParams({ strict: false });
  const choices = useMemo<Choice[]>(() => {
    const go = (id: string) => () =>
      void navigate({ to: '/chart/$instrument', params: { instrument: id }, search: (held) => ({ ...held }) as never });
    const symbols = rows.map<Choice>((row) => {
      const name = parseInstrument(row.instrument);
      return {
        id: row.instrument,
        text: row.symbol,
        detail: `${venueName(name?.venue ?? '')} ${marketName(row.market)}`,
        kind: 'Symbol',
        run: go(row.instrument),
      };
    });
    const steps = intervals.map<Choice>((interval) => ({
      id: `interval ${interval}`,
      text: interval,
      detail: interval === '1d' ? 'UTC day' : interval === '1M' ? 'month' : 'interval',
      kind: 'Interval',
      run: () =>
        void (
          instrument !== undefined &&
          navigate({
            to: '/chart/$instrument',
            params: { instrument },
            search: (held) => ({ ...held, i: interval }) as never,
          })
        ),
    }));
    const toPages = pages.map<Choice>(({ path, name }) => ({
      id: path,
      text: name,
      detail: '',
      kind: 'Page',
      run: () => void navigate({ to: path }),
    }));
    const toJobs = (queries.getQueryData<JobsAnswer>(['jobs'])?.jobs ?? []).map<Choice>((job) => ({
      id: `job ${job.name}`,
      text: job.name,
      detail: job.description,
      kind: 'Job',
      run: () =>
        void navigate({
          to: '/jobs',
          search: { job: job.name, ...(job.latest === null ? {} : { run: job.latest.id }) },
        }),
    }));
    const toQueries = keptTexts.current.saved.map<Choice>((query) => ({
      id: `query ${query.name}`,
      text: query.name,
      detail: 'saved query',
      kind: 'Query',
      run: () => {
        openTab(query.name, query.text);
        void navigate({ to: '/sql' });
      },
    }));
    const commands: Choice[] = [
      { id: 'dark', text: 'Dark theme', detail: '', kind: 'Command', run: () => setPreferences({ theme: 'dark' }) },
      { id: 'light', text: 'Light theme', detail: '', kind: 'Command', run: () => setPreferences({ theme: 'light' }) },
      {
        id: 'contrast',
        text: 'High contrast theme',
        detail: '',
        kind: 'Command',
        run: () => setPreferences({ theme: 'contrast' }),
      },
      {
        id: 'link',
        text: 'Copy link to this view',
        detail: '',
        kind: 'Command',
        run: () => void navigator.clipboard?.writeText(location.href),
      },
      { id: 'help', text: 'Keys and signs', detail: '?', kind: 'Command', run: () => setUi({ help: true }) },
    ];
    return [...symbols, ...steps, ...toPages, ...toJobs, ...toQueries, ...commands];
  }, [rows, instrument, navigate, queries]);
  const shown = useMemo(() => rankChoices(choices, text).slice(0, 40), [choices, text]);
  const at = Math.min(chosen, shown.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  });
  const run = (choice: Choice | undefined): void => {
    if (choice === undefined) return;
    close();
    choice.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setChosen(Math.min(at + 1, shown.length - 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(at - 1, 0));
    else if (event.key === 'Enter') run(shown[at]);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        className="palette-field"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown[at] === undefined ? undefined : `choice-${at}`}
        aria-label="Symbol, interval, page or command"
        placeholder="Symbol, interval, page or command"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="palette-list" id="palette-list" role="listbox" aria-label="Choices" ref={list}>
        {shown.map((choice, index) => (
          <div
            key={choice.id}
            id={`choice-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            className="palette-choice"
            onPointerMove={() => setChosen(index)}
            onClick={() => run(choice)}
            onKeyDown={() => {}}
          >
            <strong>{choice.text}</strong>
            <span className="dim">{choice.detail}</span>
            <span className="grow" />
            <span className="micro">{choice.kind}</span>
          </div>
        ))}
      </div>
      {shown.length === 0 && (
        <p className="palette-none">
          0 of {choices.length} match “{text}”. Only recorded symbols are listed; <code>tidemark instruments</code>{' '}
          shows what the venue has.
        </p>
      )}
    </>
  );
}
