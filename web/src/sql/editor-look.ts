import { HighlightStyle } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** The editor in the dashboard's own tokens; they reach into its shadow, where the page's styles do not. */
export const editorTheme = EditorView.theme({
  '&': {
    height: '100%',
    color: 'var(--ink-1)',
    backgroundColor: 'var(--panel)',
    fontSize: 'var(--t-body)',
    WebkitFontSmoothing: 'antialiased',
  },
  '&.cm-focused': { outline: '0' },
  '&.cm-focused:focus-visible, &:has(.cm-content:focus-visible)': { boxShadow: 'inset 2px 0 0 var(--ink-1)' },
  '.cm-scroller': { fontFamily: 'var(--font)', lineHeight: '19px', fontVariantNumeric: 'tabular-nums' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink-1)' },
  '.cm-line': { padding: '0 12px 0 0' },
  '.cm-cursor, .cm-dropCursor': { borderLeft: '1.5px solid var(--ink-1)' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--ink-3)', border: '0', fontSize: '11px' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 12px 0 4px', minWidth: '30px' },
  '.cm-status .cm-gutterElement': { width: '16px', textAlign: 'center', padding: '0 0 0 6px' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink-1)' },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'var(--selected)',
  },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'transparent',
    boxShadow: 'inset 0 -1.5px 0 var(--ink-2)',
  },
  '.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'transparent' },
  '.cm-parameter': { color: 'var(--ink-1)', borderBottom: '1px dotted var(--ink-2)' },
  '.cm-parameter *': { color: 'var(--ink-1)' },
  '.cm-status-done': { color: 'var(--proof)' },
  '.cm-status-running': { color: 'var(--ink-1)' },
  '.cm-status-failed': { color: 'var(--fault)' },
  '.cm-lintRange-error': { backgroundImage: 'none', borderBottom: '1.5px solid var(--fault)', paddingBottom: '0' },
  '.cm-tooltip': {
    backgroundColor: 'var(--float)',
    color: 'var(--ink-1)',
    border: '1px solid var(--line-2)',
    borderRadius: 'var(--r-3)',
    boxShadow: 'var(--shadow)',
    zIndex: 'var(--z-menu)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font)', maxHeight: '240px', padding: '4px 0' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { lineHeight: '22px', padding: '0 12px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--selected)', color: 'var(--ink-1)' },
  '.cm-completionDetail': { color: 'var(--ink-3)', fontStyle: 'normal', marginLeft: '12px' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600' },
  '.cm-tooltip .cm-completionInfo': { padding: '6px 12px', maxWidth: '320px', color: 'var(--ink-2)' },
  '.cm-diagnostic': { padding: '4px 12px', borderLeft: '2px solid var(--fault)' },
  '.cm-placeholder': { color: 'var(--ink-3)' },
});

/** Weight instead of hues: colours of the dashboard mean prices and states. */
export const editorHighlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], fontWeight: '600', color: 'var(--ink-1)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--ink-1)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--ink-1)' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: 'var(--ink-3)' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--ink-1)' },
  { tag: [tags.name, tags.punctuation, tags.operator, tags.bracket], color: 'var(--ink-2)' },
]);
