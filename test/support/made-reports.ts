import { createHash } from 'node:crypto';
import { TidemarkError } from '../../src/domain/error.ts';
import type { ReportFile, ReportRow } from '../../src/protocol/reports.ts';
import type { ReportLibrary } from '../../src/server/report-routes.ts';

const dayUs = 86_400e6;

/** Stored reports made up by hand, for work on the dashboard without an engine. */
export class MadeReports implements ReportLibrary {
  readonly #reports: readonly ReportRow[];

  constructor(nowUs: number) {
    const today = Math.floor(nowUs / dayUs) * dayUs;
    const subjects = ['market', 'binance:spot:BTCUSDT', 'binance:spot:ETHUSDT'];
    this.#reports = Array.from({ length: 24 }, (_, at): ReportRow => {
      const subject = subjects[at % 3]!;
      const isWeekly = at % 8 === 7;
      const toUs = today - Math.floor(at / 3) * dayUs;
      const fromUs = toUs - (isWeekly ? 7 : 1) * dayUs;
      const kind = isWeekly ? 'weekly' : 'daily';
      const name = subject.split(':').at(-1)!;
      const isPartial = at % 5 === 3;
      const hasPdf = at !== 2;
      const id = `${kind}-${new Date(fromUs / 1000).toISOString().slice(0, 10)}-${name.toLowerCase()}-r${90_217 - at * 60}`;
      const names = ['report.html', ...(hasPdf ? ['report.pdf'] : []), 'candles.parquet', 'candles.csv'];
      return {
        id,
        kind,
        subject,
        title: `${isWeekly ? 'Weekly' : 'Daily'} report, ${name}`,
        fromUs,
        toUs,
        madeAtUs: toUs + 1_450e6,
        catalogVersion: 90_217 - at * 60,
        heldIds: isPartial ? 1_728_000 - 912 : 1_728_000,
        expectedIds: 1_728_000,
        dataKind: 'simulated',
        state: at < 3 ? 'provisional' : isPartial ? 'partial' : 'final',
        contentHash: '9f2c07be51d9a41f'.repeat(4),
        pdfAbsence: hasPdf ? null : 'no browser was found on this machine',
        files: names.map((file): ReportFile => fileOf(id, file)),
        sentAtUs: at % 3 === 0 ? toUs + 1_460e6 : null,
        isSuperseded: at === 4,
      };
    });
  }

  async list(filter: { kind?: string; subject?: string }): Promise<readonly ReportRow[]> {
    return this.#reports.filter(
      (report) =>
        (filter.kind === undefined || report.kind === filter.kind) &&
        (filter.subject === undefined || report.subject === filter.subject),
    );
  }

  async file(id: string, name: string): Promise<{ readonly file: ReportFile; readonly bytes: Uint8Array }> {
    const file = this.#reports.find((report) => report.id === id)?.files.find((one) => one.name === name);
    if (file === undefined)
      throw new TidemarkError('unknown-report', { doing: 'read', what: `${id}/${name}`, why: 'there is none' });
    return { file, bytes: Buffer.from(textOf(id, name)) };
  }
}

function textOf(id: string, name: string): string {
  return name.endsWith('.html') ? `<!doctype html><title>${id}</title><h1>${id}</h1>` : `${name} of ${id}`;
}

function fileOf(id: string, name: string): ReportFile {
  const bytes = Buffer.from(textOf(id, name));
  return { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
