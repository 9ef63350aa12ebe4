import type { InstrumentRow } from '../../../src/protocol/api.ts';
import { readInstant } from '../text/read-instant.ts';
import { dateTimeText } from '../text/time-text.ts';
import { instantLiteral, textLiteral } from './statements.ts';

export interface ParameterTexts {
  readonly market: string;
  readonly symbol: string;
  readonly from: string;
  readonly to: string;
}

/** What stands for each parameter, where the texts mean something. */
export function literalsOf(texts: ParameterTexts, nowUs: number): Record<string, string> {
  const fromUs = readInstant(texts.from, nowUs);
  const toUs = readInstant(texts.to, nowUs);
  return {
    market: textLiteral(texts.market),
    symbol: textLiteral(texts.symbol),
    ...(fromUs === undefined ? {} : { from: instantLiteral(fromUs) }),
    ...(toUs === undefined ? {} : { to: instantLiteral(toUs) }),
  };
}

export function ParametersPanel({
  texts,
  used,
  instruments,
  isLinked,
  canLink,
  nowUs,
  onChange,
  onLink,
}: {
  texts: ParameterTexts;
  used: readonly string[];
  instruments: readonly InstrumentRow[];
  isLinked: boolean;
  canLink: boolean;
  nowUs: number;
  onChange: (change: Partial<ParameterTexts>) => void;
  onLink: () => void;
}) {
  const markets = [...new Set([...instruments.map((row) => row.market), texts.market])];
  const symbols = [
    ...new Set([...instruments.filter((row) => row.market === texts.market).map((row) => row.symbol), texts.symbol]),
  ];
  const timeField = (name: 'from' | 'to') => {
    const atUs = readInstant(texts[name], nowUs);
    return (
      <>
        <label htmlFor={`sql-${name}`} data-used={used.includes(name)}>
          :{name}
        </label>
        <input
          id={`sql-${name}`}
          className="field"
          value={texts[name]}
          aria-invalid={atUs === undefined}
          title={atUs === undefined ? '2026-03-18 09:30:00, or now-6h' : `${dateTimeText(atUs)} UTC`}
          onChange={(event) => onChange({ [name]: event.target.value })}
        />
      </>
    );
  };
  const wrong = (['from', 'to'] as const).find((name) => readInstant(texts[name], nowUs) === undefined);
  return (
    <section className="panel parameters" aria-label="Parameters">
      <div className="panel-head">
        <h2>Parameters</h2>
        <span className="dim">{isLinked ? 'bound to the chart' : ''}</span>
        <span className="grow" />
        <span className="act">
          <button
            type="button"
            className="button"
            aria-pressed={isLinked}
            disabled={!canLink}
            title={canLink ? undefined : 'Look at a chart first'}
            onClick={onLink}
          >
            Linked
          </button>
        </span>
      </div>
      <div className="parameter-fields">
        <label htmlFor="sql-market" data-used={used.includes('market')}>
          :market
        </label>
        <select
          id="sql-market"
          className="field"
          value={texts.market}
          onChange={(event) => {
            const market = event.target.value;
            const symbol = instruments.find((row) => row.market === market)?.symbol ?? texts.symbol;
            onChange({ market, symbol });
          }}
        >
          {markets.map((market) => (
            <option key={market}>{market}</option>
          ))}
        </select>
        <label htmlFor="sql-symbol" data-used={used.includes('symbol')}>
          :symbol
        </label>
        <select
          id="sql-symbol"
          className="field"
          value={texts.symbol}
          onChange={(event) => onChange({ symbol: event.target.value })}
        >
          {symbols.map((symbol) => (
            <option key={symbol}>{symbol}</option>
          ))}
        </select>
        {timeField('from')}
        {timeField('to')}
      </div>
      <p className="parameter-note" role="status">
        {wrong === undefined
          ? 'Read only. One SELECT or EXPLAIN a statement, over the newest version with its live tail, or over the one that “as of” names. It runs in its own limited process, never in the engine.'
          : `:${wrong} cannot be read. Write 2026-03-18 09:30:00, or now-6h.`}
      </p>
    </section>
  );
}
