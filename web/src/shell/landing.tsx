import { Link, Navigate } from '@tanstack/react-router';
import { useInstruments } from '../state/context.tsx';
import { intervalForAge } from '../url/chart-url.ts';

/** Goes to the first recorded symbol; says what to do when there is none. */
export function Landing() {
  const { rows, isLoading, error } = useInstruments();
  const first = rows.find((row) => row.symbol === 'BTCUSDT') ?? rows[0];
  if (first !== undefined)
    return (
      <Navigate
        to="/chart/$instrument"
        params={{ instrument: first.instrument }}
        search={{ i: intervalForAge(first.firstCandleUs === null ? 0 : Date.now() * 1000 - first.firstCandleUs) }}
        replace
      />
    );
  return (
    <main className="page-message" aria-busy={isLoading}>
      {error !== null ? (
        <>
          <h1>The list of symbols could not be read</h1>
          <p>{error.message} It is asked for again on its own; nothing that was recorded is touched by this.</p>
          <code>tidemark doctor</code>
        </>
      ) : isLoading ? (
        <p className="dim">Asking which symbols are recorded…</p>
      ) : (
        <>
          <h1>Nothing is recorded yet</h1>
          <p>Name the symbols under `instruments` in the configuration, or look around with a simulated exchange:</p>
          <code>npm run demo</code>
        </>
      )}
    </main>
  );
}

export function NotFound() {
  return (
    <main className="page-message">
      <h1>There is no such page</h1>
      <p>
        <Link to="/">Go to the chart</Link>
      </p>
    </main>
  );
}
