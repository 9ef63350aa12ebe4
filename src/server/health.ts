import { minuteUs } from '../domain/interval.ts';
import type { HealthAnswer, StatusAnswer } from '../protocol/api.ts';

const commitLateUs = 5 * minuteUs;
const behindBytesMost = 256 * 1024 * 1024;

/** What is wrong, if anything. `failing` is for who should wake somebody: data are not arriving or not being kept. */
export function healthOf(status: StatusAnswer): HealthAnswer {
  const failing: HealthAnswer['reasons'][number][] = [];
  const degraded: HealthAnswer['reasons'][number][] = [];
  if (status.upstream === 'venue-down') {
    failing.push({ code: 'venue-down', detail: 'the venue cannot be reached' });
  } else if (status.upstream === 'stale') {
    failing.push({ code: 'stale', detail: 'no pulse of a recorder for 10 s' });
  } else if (status.upstream === 'connecting') {
    degraded.push({ code: 'connecting', detail: 'sessions are being opened' });
  }
  const { committedAtUs } = status.lake;
  const receives = status.sessions.some((session) => session.state === 'open' && session.frames > 0);
  const sinceUs = committedAtUs ?? status.startedAtUs;
  if (receives && status.nowUs - sinceUs > commitLateUs) {
    failing.push({ code: 'commit-late', detail: 'the last lake commit is more than 5 minutes ago' });
  }
  const behindBytes = status.journals.reduce((sum, journal) => sum + journal.behindBytes, 0);
  if (behindBytes > behindBytesMost) {
    degraded.push({ code: 'behind', detail: `${behindBytes} bytes of journal wait to be processed` });
  }
  if (status.rest.blockedUntilUs !== null && status.rest.blockedUntilUs > status.nowUs) {
    degraded.push({ code: 'rest-blocked', detail: 'the venue refuses REST requests for now; repair waits' });
  }
  for (const { writer, state, error, behindBytes: unshipped } of status.shipping?.journals ?? []) {
    if (state === 'conflict') {
      failing.push({ code: 'shipping-conflict', detail: `the journal of the ${writer} is not shipped: ${error}` });
    } else if (state === 'retrying') {
      degraded.push({ code: 'shipping-late', detail: `${unshipped} bytes of the ${writer} are not shipped: ${error}` });
    }
  }
  for (const [table, error] of Object.entries(status.lake.iceberg?.failures ?? {})) {
    degraded.push({ code: 'iceberg-late', detail: `${table} is not published for other engines: ${error}` });
  }
  return {
    status: failing.length > 0 ? 'failing' : degraded.length > 0 ? 'degraded' : 'ok',
    reasons: [...failing, ...degraded],
    dataKind: status.dataKind,
    nowUs: status.nowUs,
  };
}
