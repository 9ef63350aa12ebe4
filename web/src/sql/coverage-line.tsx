import type { Coverage } from '../../../src/protocol/api.ts';
import { groupDigits, shareText } from '../text/number-text.ts';
import { clockText, spanText, stretchText } from '../text/time-text.ts';

/** What is held of the range that an answer is about: as a stretch of time, then in figures. */
export function CoverageLine({ coverage, fromUs, toUs }: { coverage: Coverage; fromUs: number; toUs: number }) {
  const { heldIds, expectedIds, tidemarkUs, gaps, dataKind } = coverage;
  const lengthUs = Math.max(1, toUs - fromUs);
  const at = (atUs: number): string => `${Math.max(0, Math.min(100, ((atUs - fromUs) / lengthUs) * 100))}%`;
  const shown = gaps.filter(
    (gap) => gap.state !== 'repaired' && gap.openedAtUs < toUs && (gap.closedAtUs ?? toUs) > fromUs,
  );
  const isWhole = heldIds !== null && expectedIds !== null && heldIds >= expectedIds && shown.length === 0;
  const unreal = dataKind === 'simulated' || dataKind === 'replay';
  return (
    <div className="coverage-line">
      <span>
        Answer is about <b>{spanText(lengthUs)}</b>
      </span>
      <span className="cover" aria-hidden="true">
        <i className="cover-held" style={{ left: '0', right: '0' }} />
        {tidemarkUs !== null && <i className="cover-proof" style={{ left: '0', width: at(tidemarkUs) }} />}
        {shown.map((gap) => (
          <i
            key={`${gap.stream} ${gap.openedAtUs}`}
            className={gap.state === 'declared' ? 'cover-declared' : 'cover-gap'}
            style={{
              left: at(gap.openedAtUs),
              width: `${((Math.min(toUs, gap.closedAtUs ?? toUs) - Math.max(fromUs, gap.openedAtUs)) / lengthUs) * 100}%`,
            }}
          />
        ))}
      </span>
      <span className="ellipsis">
        {heldIds === null || expectedIds === null ? (
          'no ids in it'
        ) : isWhole ? (
          <>
            <b>complete</b>, {groupDigits(String(heldIds))} ids
          </>
        ) : (
          <>
            held <b className={heldIds < expectedIds ? 'fault' : ''}>{shareText(heldIds, expectedIds)}</b>,{' '}
            {groupDigits(String(heldIds))} of {groupDigits(String(expectedIds))} ids
          </>
        )}
        {shown.slice(0, 2).map((gap) => (
          <span key={`${gap.stream} ${gap.openedAtUs}`} className={gap.state === 'declared' ? 'dim' : 'fault'}>
            ; gap {stretchText(gap.openedAtUs, gap.closedAtUs ?? toUs, true)}, {gap.reason}, {gap.state}
          </span>
        ))}
        {shown.length > 2 && <span className="fault">; {shown.length - 2} gaps more</span>}
        {tidemarkUs !== null && `; tidemark ${clockText(tidemarkUs)}`}; data{' '}
        <b className={unreal ? 'unreal' : ''}>{unreal ? dataKind.toUpperCase() : dataKind}</b>
      </span>
    </div>
  );
}
