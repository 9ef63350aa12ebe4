import { Dialog } from '@base-ui/react/dialog';
import { useStore } from '../live/store.ts';
import { setUi, ui } from './ui-state.ts';

const keys: readonly (readonly [string, string])[] = [
  ['← →', 'data cursor one bar; with Shift ten'],
  ['Page Up, Page Down', 'one screen back, forward'],
  ['Home, End', 'oldest bar here, newest bar'],
  ['+ − 0', 'zoom in, out, fit'],
  ['L', 'jump to live and follow'],
  ['Enter', 'provenance of the bar at the cursor'],
  ['digits', 'interval: 5 m, Enter'],
  ['letters', 'symbol search'],
  ['[ ]', 'previous, next symbol'],
  ['Space', 'hold and go on: the tape under the focus'],
  ['Ctrl K', 'symbols, intervals, commands'],
  ['Esc', 'close'],
];

const workKeys: readonly (readonly [string, string])[] = [
  ['Ctrl Enter', 'SQL: run the statement at the cursor, or what is chosen'],
  ['Ctrl Shift Enter', 'SQL: run all, one after the other'],
  ['Alt E, Alt T', 'SQL: explain; a new text'],
  ['Arrows, Shift, Ctrl C', 'rows: choose cells, copy them as CSV; with Shift as Markdown'],
  ['S, Alt ← →', 'rows: sort by the column; make it narrower, wider'],
  ['↑ ↓', 'jobs: the run above, below'],
  ['R, C, F', 'jobs: retry the run, cancel it, follow its log'],
];

const signs: readonly (readonly [string, string, string])[] = [
  ['forming', 'forming', 'the interval is not over: hollow, dashed'],
  ['provisional', 'provisional', 'closed, not proven yet: pale, outlined'],
  ['final', 'final', 'closed and proven: solid'],
  ['partial', 'partial', 'some of its trades are missing: hatched'],
  ['none', 'no trades', 'the venue confirms that there were none: dotted line'],
  ['gap', 'missing', 'expected and not known: an empty place in a hatched band'],
  ['repaired', 'repaired', 'filled afterwards from another source: diamond below'],
  ['revised', 'revised', 'changed after it was final: triangle above'],
];

export function Help() {
  const { help } = useStore(ui);
  return (
    <Dialog.Root open={help} onOpenChange={(open) => setUi({ help: open })}>
      <Dialog.Portal>
        <Dialog.Backdrop className="scrim" />
        <Dialog.Popup className="dialog help">
          <Dialog.Title className="dialog-title">Keys and signs</Dialog.Title>
          <Dialog.Close className="button dialog-close" aria-label="Esc, close">
            Esc
          </Dialog.Close>
          <div className="help-columns">
            <section>
              <h3 className="micro">Keys, while the chart has the focus</h3>
              <dl className="keys">
                {keys.map(([key, meaning]) => (
                  <div key={key}>
                    <dt>
                      <kbd>{key}</kbd>
                    </dt>
                    <dd>{meaning}</dd>
                  </div>
                ))}
              </dl>
            </section>
            <section>
              <h3 className="micro">Keys of the working pages</h3>
              <dl className="keys">
                {workKeys.map(([key, meaning]) => (
                  <div key={key}>
                    <dt>
                      <kbd>{key}</kbd>
                    </dt>
                    <dd>{meaning}</dd>
                  </div>
                ))}
              </dl>
              <h3 className="micro">Signs</h3>
              <dl className="keys">
                {signs.map(([sign, name, meaning]) => (
                  <div key={sign}>
                    <dt>
                      <i className="sign" data-sign={sign} aria-hidden="true" /> {name}
                    </dt>
                    <dd>{meaning}</dd>
                  </div>
                ))}
              </dl>
              <p className="dim">
                The tidemark is the instant up to which every trade is held or declared missing. Candles drawn with
                TradingView Lightweight Charts™, © 2026 TradingView, Inc., Apache-2.0. Type: IBM Plex Sans, OFL-1.1.
              </p>
            </section>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
