import { join } from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { lakeContract } from '../ports/lake.contract.ts';
import { lakeUnderTest } from './lake-under-test.test-fixture.ts';

lakeContract('parquet lake', (t) => lakeUnderTest(t, (folder) => openFolderBlobs(join(folder, 'blobs'))));
