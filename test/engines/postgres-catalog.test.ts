import { openPostgresCatalog } from '../../src/catalog/postgres.ts';
import { catalogContract } from '../../src/ports/catalog.contract.ts';
import { postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';

engineSuite('a catalog on PostgreSQL', { server: postgres }, ({ server }) => {
  catalogContract('PostgreSQL', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    return { catalog: await openPostgresCatalog(options), reopen: () => openPostgresCatalog(options) };
  });
});
