import '../shell/working.css';
import './sql.css';
import { Menu } from '@base-ui/react/menu';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { isCold } from '../live/connection-word.ts';
import { useStore } from '../live/store.ts';
import { usePageTitle } from '../shell/pages.ts';
import { RunStateSign } from '../shell/run-state.tsx';
import { ui } from '../shell/ui-state.ts';
import { serverNowUs, useConnection } from '../shell/use-connection.ts';
import { useInstruments } from '../state/context.tsx';
import { bytesText, groupDigits } from '../text/number-text.ts';
import { readInstant } from '../text/read-instant.ts';
import { dateTimeText } from '../text/time-text.ts';
import { parseInstrument } from '../url/chart-url.ts';
import { cookbook } from './cookbook.ts';
import { CoverageLine } from './coverage-line.tsx';
import { type EditorCommand, type EditorHandle, SqlEditor } from './editor.tsx';
import { HistoryDialog, SavedDialog } from './kept-dialogs.tsx';
import { closeTab, keep, keptTexts, openTab } from './kept-texts.ts';
import { literalsOf, ParametersPanel, type ParameterTexts } from './parameters-panel.tsx';
import { QuickChart } from './quick-chart.tsx';
import { ResultGrid } from './result-grid.tsx';
import { SchemaTree } from './schema-tree.tsx';
import { getTables } from './sql-api.ts';
import { faultPosition, meantWord, wordAt } from './sql-places.ts';
import { fillParameters, parametersOf, type Statement, splitStatements, statementAt } from './statements.ts';
import { type Asked, useQueryRun } from './use-query-run.ts';

const rowLimits = [1_000, 10_000, 100_000] as const;
const timeLimits = [5_000, 10_000, 30_000] as const;

type Open = 'history' | 'saved';

export function SqlPage() {
  usePageTitle('SQL');
  const connection = useConnection();
  const { rows: instruments } = useInstruments();
  const { lastChart, lastView } = useStore(ui);
  const { tabs, active, history, saved } = useStore(keptTexts);
  const tab = tabs.find((one) => one.id === active) ?? tabs[0]!;
  const tables = useQuery({
    queryKey: ['tables'],
    queryFn: ({ signal }) => getTables(signal),
    refetchInterval: 15_000,
  });
  const modelColumns = useRef(new Map<string, readonly { name: string; type: string }[]>());
  const editor = useRef<EditorHandle>(undefined);
  const { run, ask, cancel } = useQueryRun();
  const [open, setOpen] = useState<Open>();
  const [limits, setLimits] = useState({ maxRows: 10_000, timeoutMs: 30_000, asOf: '' });
  const [said, setSaid] = useState('');
  const [linked, setLinked] = useState(true);
  const [own, setOwn] = useState<ParameterTexts>({ market: 'spot', symbol: '', from: 'now-1h', to: 'now' });
  const nowUs = serverNowUs(connection);
  const cold = isCold(connection.word);

  const texts = useMemo<ParameterTexts>(() => {
    const name = lastChart === undefined ? undefined : parseInstrument(lastChart.instrument);
    if (linked && name !== undefined && lastView !== undefined)
      return {
        market: name.market,
        symbol: name.symbol,
        from: dateTimeText(lastView.fromUs),
        to: dateTimeText(lastView.toUs),
      };
    const first = instruments.find((row) => row.symbol === 'BTCUSDT') ?? instruments[0];
    return own.symbol === '' && first !== undefined ? { ...own, market: first.market, symbol: first.symbol } : own;
  }, [linked, own, lastChart, lastView, instruments]);
  const used = useMemo(() => parametersOf(tab.text), [tab.text]);

  const ready = (statement: Statement): Asked & { readonly back: (position: number) => number } => {
    const written = (editor.current?.text() ?? tab.text).slice(statement.from, statement.to);
    const { sql, back } = fillParameters(written, literalsOf(texts, nowUs));
    const named = parametersOf(written);
    const instrument = instruments.find(
      (row) => row.market === texts.market && row.symbol === texts.symbol,
    )?.instrument;
    const [fromUs, toUs] = [readInstant(texts.from, nowUs), readInstant(texts.to, nowUs)];
    const isAbout = ['symbol', 'from', 'to'].every((name) => named.includes(name));
    const about =
      isAbout && instrument !== undefined && fromUs !== undefined && toUs !== undefined && fromUs < toUs
        ? { instrument, fromUs: Math.floor(fromUs), toUs: Math.ceil(toUs) }
        : undefined;
    return { written, sql, about, back };
  };
  const pending = useRef<{ statement: Statement; shift: number; back: (position: number) => number; sql: string }>(
    undefined,
  );
  const runStatement = async (statement: Statement, head = ''): Promise<string> => {
    const asked = ready(statement);
    const sql = head + asked.sql;
    pending.current = { statement, shift: head.length, back: asked.back, sql };
    editor.current?.showFault(null);
    editor.current?.mark({ from: statement.from, status: 'running' });
    return ask({ ...asked, sql, written: head + asked.written }, limits);
  };
  const chosen = (): Statement | undefined => {
    const text = editor.current?.text() ?? '';
    const selection = editor.current?.selection() ?? { from: 0, to: 0 };
    if (selection.to > selection.from) {
      const parts = splitStatements(text.slice(selection.from, selection.to));
      const first = parts[0];
      return first === undefined
        ? undefined
        : { from: selection.from + first.from, to: selection.from + parts.at(-1)!.to };
    }
    return statementAt(text, selection.from);
  };
  const onCommand = (command: EditorCommand): void => {
    if (command === 'new-tab') {
      openTab('query.sql', '');
      return;
    }
    setSaid(cold ? 'The server is not reached: the text is kept here, and can be run once it is back.' : '');
    if (cold) return;
    if (command === 'run-all') {
      void (async () => {
        for (const statement of splitStatements(editor.current?.text() ?? ''))
          if ((await runStatement(statement)) !== 'done') break;
      })();
      return;
    }
    const statement = chosen();
    if (statement === undefined) setSaid('There is no statement at the cursor.');
    else void runStatement(statement, command === 'explain' ? 'EXPLAIN ' : '');
  };

  // Where the server says that a statement is wrong, the editor shows it.
  useEffect(() => {
    const asked = pending.current;
    if (asked === undefined || run.status === 'running' || run.status === 'idle') return;
    const status = run.status === 'done' ? 'done' : run.status === 'failed' ? 'failed' : undefined;
    editor.current?.mark(status === undefined ? null : { from: asked.statement.from, status });
    if (run.failure === undefined) return;
    const place = faultPosition(run.failure.message, asked.sql);
    if (place === undefined) return;
    const written = asked.back(Math.max(0, place - asked.shift));
    const { from, to } = wordAt(asked.sql, place);
    const at = asked.statement.from + written;
    editor.current?.showFault({
      from: at,
      to: Math.min(asked.statement.to, at + Math.max(1, to - from)),
      message: run.failure.message,
    });
  }, [run.status, run.failure]);

  const { answer } = run;
  const isOld = run.status === 'running' && answer !== undefined;
  const isPlan = answer?.columns[0]?.name === 'explain_key';
  const meant = run.failure === undefined ? undefined : meantWord(run.failure.message);
  return (
    <main className="page sql" aria-label="SQL">
      <h1 className="visually-hidden">SQL</h1>
      <SchemaTree
        answer={tables.data}
        error={tables.error}
        onInsert={(text) => editor.current?.insert(text)}
        onColumns={(table, columns) => modelColumns.current.set(table, columns)}
      />
      <div className="sql-tabs">
        <div className="sql-tab-list" role="tablist" aria-label="Texts">
          {tabs.map((one) => (
            <button
              key={one.id}
              type="button"
              role="tab"
              aria-selected={one.id === tab.id}
              className="sql-tab"
              onClick={() => keep({ active: one.id })}
              onAuxClick={(event) => event.button === 1 && closeTab(one.id)}
            >
              {one.name}
            </button>
          ))}
        </div>
        <button type="button" className="button" aria-label="New text" onClick={() => openTab('query.sql', '')}>
          +
        </button>
        <button type="button" className="button" aria-label={`Close ${tab.name}`} onClick={() => closeTab(tab.id)}>
          ×
        </button>
        <span className="grow" />
        <Menu.Root>
          <Menu.Trigger className="button">
            Cookbook
            <i className="caret" />
          </Menu.Trigger>
          <Menu.Portal>
            <Menu.Positioner className="layer-menu" sideOffset={6} align="end">
              <Menu.Popup className="menu">
                {cookbook.map((recipe) => (
                  <Menu.Item
                    key={recipe.name}
                    className="menu-item cookbook-item"
                    onClick={() => openTab(`${recipe.name.replaceAll(' ', '-')}.sql`, recipe.sql)}
                  >
                    <strong>{recipe.name}</strong>
                    <span className="dim">{recipe.what}</span>
                  </Menu.Item>
                ))}
              </Menu.Popup>
            </Menu.Positioner>
          </Menu.Portal>
        </Menu.Root>
        <button type="button" className="button" onClick={() => setOpen('history')}>
          History {history.length > 0 && history.length}
        </button>
        <button type="button" className="button" onClick={() => setOpen('saved')}>
          Saved {saved.length > 0 && saved.length}
        </button>
      </div>
      <section className="panel sql-text" aria-label="Editor">
        <SqlEditor
          tab={tab.id}
          text={tab.text}
          handle={editor}
          known={{
            tables: tables.data?.tables ?? [],
            modelColumns: modelColumns.current,
            symbols: instruments.map((row) => row.symbol),
            parameters: ['market', 'symbol', 'from', 'to'],
          }}
          onChange={(text) =>
            keep({ tabs: keptTexts.current.tabs.map((one) => (one.id === tab.id ? { ...one, text } : one)) })
          }
          onCommand={onCommand}
        />
      </section>
      <ParametersPanel
        texts={texts}
        used={used}
        instruments={instruments}
        isLinked={linked && lastView !== undefined}
        canLink={lastView !== undefined}
        nowUs={nowUs}
        onChange={(change) => {
          setOwn({ ...texts, ...change });
          setLinked(false);
        }}
        onLink={() => setLinked(!linked)}
      />
      <div className="sql-control">
        <div className="sql-bar">
          <button
            type="button"
            className={`button ${run.status === 'running' ? 'outlined' : 'main'}`}
            disabled={run.status === 'running' || cold}
            title={cold ? 'The server is not reached' : 'Ctrl Enter'}
            onClick={() => onCommand('run')}
          >
            Run
          </button>
          <button
            type="button"
            className={`button ${run.status === 'running' ? 'main' : 'outlined'}`}
            disabled={run.status !== 'running'}
            onClick={cancel}
          >
            Cancel
          </button>
          <button
            type="button"
            className="button"
            disabled={run.status === 'running' || cold}
            title="Alt E"
            onClick={() => onCommand('explain')}
          >
            Explain
          </button>
          <span className="divider" />
          <span role="status" className="sql-status">
            <RunStatus run={run} said={said} cold={cold} />
          </span>
          <span className="grow" />
          <input
            className="field sql-as-of"
            aria-label="As of"
            placeholder="as of: now"
            title="What was committed then: a catalog version such as 42, or an instant such as now-10m or 2026-11-21T12:00Z"
            spellCheck={false}
            value={limits.asOf}
            data-past={limits.asOf.trim() !== ''}
            onChange={(event) => setLimits({ ...limits, asOf: event.target.value })}
          />
          <select
            className="field"
            aria-label="Most rows"
            value={limits.maxRows}
            onChange={(event) => setLimits({ ...limits, maxRows: Number(event.target.value) })}
          >
            {rowLimits.map((rows) => (
              <option key={rows} value={rows}>
                limit {groupDigits(String(rows))} rows
              </option>
            ))}
          </select>
          <select
            className="field"
            aria-label="Most time"
            value={limits.timeoutMs}
            onChange={(event) => setLimits({ ...limits, timeoutMs: Number(event.target.value) })}
          >
            {timeLimits.map((ms) => (
              <option key={ms} value={ms}>
                {ms / 1000} s
              </option>
            ))}
          </select>
        </div>
        {run.failure !== undefined && (
          <div className="sql-failure" role="alert">
            <p>{run.failure.message}</p>
            <span className="dim">{run.failure.code}</span>
            {meant !== undefined && (
              <button type="button" className="button outlined" onClick={() => writeMeant(editor.current, meant)}>
                Write {meant}
              </button>
            )}
          </div>
        )}
        {run.coverage !== undefined && run.asked?.about !== undefined && run.failure === undefined && (
          <CoverageLine coverage={run.coverage} fromUs={run.asked.about.fromUs} toUs={run.asked.about.toUs} />
        )}
      </div>
      <section className={`panel sql-answer ${isPlan ? 'wide-answer' : ''}`} aria-label="Answer">
        {answer === undefined ? (
          <p className="panel-none">
            {run.status === 'running'
              ? 'Reading…'
              : 'Rows appear here. Ctrl Enter runs the statement at the cursor; the cookbook has some to begin with.'}
          </p>
        ) : isPlan ? (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a plan that scrolls is scrolled by keys
          <pre className="sql-plan" tabIndex={0} data-old={isOld}>
            {answer.rows.map((row) => row.slice(1).join('\n')).join('\n')}
          </pre>
        ) : answer.columns.length === 0 ? (
          <p className="panel-none">The answer has no columns.</p>
        ) : (
          <ResultGrid
            answer={answer}
            isOld={isOld}
            onCopied={(what) => setSaid(what === '' ? 'The browser did not let it be copied.' : `Copied ${what}.`)}
          />
        )}
      </section>
      {!isPlan && answer !== undefined ? (
        <QuickChart answer={answer} isOld={isOld} />
      ) : (
        !isPlan && <section className="panel quick-chart" aria-label="Chart of this answer" />
      )}
      <div className="sql-foot">
        {answer !== undefined && (
          <>
            <span>
              <b>{groupDigits(String(answer.rows.length))}</b> rows
            </span>
            {answer.truncated && (
              <span className="chip" data-limited="true">
                limited to {groupDigits(String(answer.rows.length))}; there are more
              </span>
            )}
            <span>
              <b>{groupDigits(String(answer.elapsedMs))} ms</b> in the server
            </span>
            <span>
              catalog version <b>{groupDigits(String(answer.catalogVersion))}</b>,{' '}
              {answer.hasTail ? 'with its tail' : 'as it was committed'}
            </span>
            <span title="Of the lake; files that cannot hold what was asked for are not opened">
              <b>{groupDigits(String(answer.lakeFiles))}</b> {answer.lakeFiles === 1 ? 'file' : 'files'},{' '}
              <b>{bytesText(answer.lakeBytes)}</b>
            </span>
            <span className="wide">
              data{' '}
              <b className={answer.dataKind === 'simulated' || answer.dataKind === 'replay' ? 'unreal' : ''}>
                {answer.dataKind.toUpperCase()}
              </b>
            </span>
            {isOld && <span className="caution">the answer before, until the next one arrives</span>}
          </>
        )}
      </div>
      {open === 'history' && <HistoryDialog onClose={() => setOpen(undefined)} />}
      {open === 'saved' && <SavedDialog start={tab.name} text={tab.text} onClose={() => setOpen(undefined)} />}
    </main>
  );
}

/** Puts the meant word in the place of the one that is wrong: the cursor stands at it. */
function writeMeant(editor: EditorHandle | undefined, meant: string): void {
  if (editor === undefined) return;
  const { from } = editor.selection();
  const { to } = wordAt(editor.text(), from);
  editor.replace(from, to, meant);
}

function RunStatus({ run, said, cold }: { run: ReturnType<typeof useQueryRun>['run']; said: string; cold: boolean }) {
  const [nowMs, setNowMs] = useState(0);
  useEffect(() => {
    if (run.status !== 'running') return;
    setNowMs(performance.now());
    const timer = setInterval(() => setNowMs(performance.now()), 100);
    return () => clearInterval(timer);
  }, [run.status]);
  if (run.status === 'running')
    return (
      <RunStateSign sign="running">running {(Math.max(0, nowMs - run.startedAtMs) / 1000).toFixed(1)} s</RunStateSign>
    );
  if (said !== '') return <span className="soft">{said}</span>;
  if (cold) return <RunStateSign sign="lost">the server is not reached; the text is kept</RunStateSign>;
  if (run.status === 'failed') return <RunStateSign sign="failed">failed after {msText(run.tookMs)}</RunStateSign>;
  if (run.status === 'cancelled')
    return <RunStateSign sign="cancelled">cancelled after {msText(run.tookMs)}</RunStateSign>;
  if (run.status === 'done') return <RunStateSign sign="done">done in {msText(run.tookMs)}</RunStateSign>;
  return <span className="dim">Ctrl Enter runs</span>;
}

function msText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
