import { TidemarkError } from '../domain/error.ts';
import type { Catalog, CatalogState } from '../ports/catalog.ts';
import type { AsOf } from '../ports/lake.ts';

/** What the catalog held then, as long as it keeps that version. */
export async function stateAsOf(catalog: Catalog, asOf: AsOf): Promise<CatalogState> {
  const kept = await catalog.versions();
  const version =
    'version' in asOf ? asOf.version : kept.findLast(({ committedAtUs }) => committedAtUs <= asOf.atUs)?.version;
  const oldest = kept[0];
  const newest = kept.at(-1);
  if (version === undefined || !kept.some((one) => one.version === version)) {
    const instant = (us: number) => new Date(us / 1000).toISOString();
    throw new TidemarkError('no-such-version', {
      doing: 'read the lake as of',
      what: 'version' in asOf ? `version ${asOf.version}` : instant(asOf.atUs),
      why:
        oldest === undefined || newest === undefined
          ? 'no version is kept'
          : `versions ${oldest.version} to ${newest.version} are kept${oldest.version === 0 ? '' : `, the first from ${instant(oldest.committedAtUs)}`}`,
      now: 'lake.graceSeconds says how long versions are kept',
    });
  }
  return catalog.state(version);
}
