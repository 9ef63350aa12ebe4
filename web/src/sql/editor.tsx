import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { keywordCompletionSource, PostgreSQL, SQLDialect, sql } from '@codemirror/lang-sql';
import { bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { type Extension, Prec, RangeSet, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  drawSelection,
  EditorView,
  GutterMarker,
  gutter,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  MatchDecorator,
  placeholder,
  ViewPlugin,
  type ViewUpdate,
} from '@codemirror/view';
import { type RefObject, useEffect, useRef } from 'react';
import { type KnownNames, nameCompletion } from './editor-completion.ts';
import { editorHighlight, editorTheme } from './editor-look.ts';

const duckdb = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: `${PostgreSQL.spec.keywords ?? ''} asof qualify pivot unpivot exclude semi anti sample summarize positional`,
});
/** Words that a workbench of reading statements needs; the dialect knows some seven hundred more. */
const offered = SQLDialect.define({
  keywords:
    'select from where group by having order limit offset join left right inner outer full cross asof semi anti using on as and or not in is null between like ilike case when then else end distinct union all intersect except with recursive filter over partition qualify window interval cast try_cast desc asc nulls first last explain analyze values true false',
});

export type StatementMark = { readonly from: number; readonly status: 'running' | 'done' | 'failed' };

class StatusMarker extends GutterMarker {
  readonly status: StatementMark['status'];

  constructor(status: StatementMark['status']) {
    super();
    this.status = status;
  }

  override eq(other: StatusMarker): boolean {
    return other.status === this.status;
  }

  override toDOM(): Node {
    const node = document.createElement('span');
    node.className = `cm-status-${this.status}`;
    node.textContent = this.status === 'done' ? '✓' : this.status === 'running' ? '▸' : '▲';
    node.title = this.status;
    return node;
  }
}

const setMark = StateEffect.define<StatementMark | null>();
const marks = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(held, change) {
    let next = held.map(change.changes);
    for (const effect of change.effects)
      if (effect.is(setMark))
        next =
          effect.value === null
            ? RangeSet.empty
            : RangeSet.of([
                new StatusMarker(effect.value.status).range(change.state.doc.lineAt(effect.value.from).from),
              ]);
    return next;
  },
});

const parameterMarks = new MatchDecorator({
  regexp: /(?<![:\w]):[a-z_]\w*/gi,
  decoration: Decoration.mark({ class: 'cm-parameter' }),
});
const parameters = ViewPlugin.fromClass(
  class {
    decorations;
    constructor(view: EditorView) {
      this.decorations = parameterMarks.createDeco(view);
    }
    update(update: ViewUpdate): void {
      this.decorations = parameterMarks.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

/**
 * Typing over a selection, done by the editor itself: the browser would keep the look of what it replaces in a style
 * attribute, which the page's policy refuses and complains of.
 */
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main } = view.state.selection;
    const text = event.data;
    if (event.inputType !== 'insertText' || text === null || main.empty || view.composing) return false;
    event.preventDefault();
    const insert = () =>
      view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
    const isTaken = view.state
      .facet(EditorView.inputHandler)
      .some((handler) => handler(view, main.from, main.to, text, insert));
    if (!isTaken) view.dispatch(insert());
    return true;
  },
});

export interface EditorHandle {
  readonly text: () => string;
  readonly selection: () => { readonly from: number; readonly to: number };
  readonly insert: (text: string) => void;
  readonly mark: (mark: StatementMark | null) => void;
  readonly showFault: (fault: { readonly from: number; readonly to: number; readonly message: string } | null) => void;
  readonly replace: (from: number, to: number, text: string) => void;
  readonly focus: () => void;
}

export type EditorCommand = 'run' | 'run-all' | 'explain' | 'new-tab';

export function SqlEditor({
  tab,
  text,
  known,
  handle,
  onChange,
  onCommand,
}: {
  tab: number;
  text: string;
  known: KnownNames;
  handle: RefObject<EditorHandle | undefined>;
  onChange: (text: string) => void;
  onCommand: (command: EditorCommand) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef({ known, onChange, onCommand, text });
  latest.current = { known, onChange, onCommand, text };
  // Another tab is another editor, with its own history of changes.
  useEffect(() => {
    const host = document.createElement('div');
    host.className = 'editor-host';
    box.current!.append(host);
    // In a shadow the editor's styles are constructed sheets, which the page's policy lets through; <style> it does not.
    const root = host.attachShadow({ mode: 'open' });
    const command = (name: EditorCommand) => () => {
      latest.current.onCommand(name);
      return true;
    };
    const extensions: Extension[] = [
      gutter({ class: 'cm-status', markers: (view) => view.state.field(marks) }),
      lineNumbers(),
      highlightActiveLineGutter(),
      history(),
      drawSelection(),
      bracketMatching(),
      closeBrackets(),
      marks,
      parameters,
      Prec.highest(
        keymap.of([
          { key: 'Shift-Mod-Enter', run: command('run-all') },
          { key: 'Mod-Enter', run: command('run') },
          { key: 'Alt-e', run: command('explain') },
          { key: 'Alt-t', run: command('new-tab') },
        ]),
      ),
      keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
      sql({ dialect: duckdb }),
      syntaxHighlighting(editorHighlight),
      autocompletion({
        icons: false,
        override: [nameCompletion(() => latest.current.known), keywordCompletionSource(offered, true)],
      }),
      typeOver,
      editorTheme,
      placeholder('SELECT …'),
      EditorView.contentAttributes.of({
        'aria-label': 'SQL; Ctrl Enter runs the statement at the cursor',
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) latest.current.onChange(update.state.doc.toString());
      }),
    ];
    const view = new EditorView({ doc: latest.current.text, extensions, parent: root as unknown as HTMLElement, root });
    handle.current = {
      text: () => view.state.doc.toString(),
      selection: () => view.state.selection.main,
      insert: (inserted) => {
        view.dispatch(view.state.replaceSelection(inserted));
        view.focus();
      },
      mark: (mark) => view.dispatch({ effects: setMark.of(mark) }),
      showFault: (fault) => {
        const diagnostics: Diagnostic[] = fault === null ? [] : [{ ...fault, severity: 'error' }];
        view.dispatch(setDiagnostics(view.state, diagnostics));
        if (fault !== null) view.dispatch({ selection: { anchor: fault.from }, scrollIntoView: true });
      },
      replace: (from, to, insert) => {
        view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length } });
        view.focus();
      },
      focus: () => view.focus(),
    };
    return () => {
      handle.current = undefined;
      view.destroy();
      host.remove();
    };
  }, [tab]);
  return <div className="editor" ref={box} data-testid="sql-editor" />;
}
