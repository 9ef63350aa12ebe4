import type { Attachment, Mail } from '../ports/mail.ts';
import type { ReportRow } from '../protocol/reports.ts';
import { countText, instantText, percentText } from './figure-text.ts';
import { html, type Markup } from './markup.ts';
import { markOf } from './page.ts';
import type { ReportShelf } from './shelf.ts';

/** Mail servers commonly refuse more than 25 MB, a third of which encoding takes. */
const mostAttachedBytes = 16 * 1024 * 1024;
const domain = 'reports.tidemark.invalid';

export interface SentReport {
  /** False where it had been sent before: then no letter went out. */
  readonly isNew: boolean;
  readonly to: readonly string[];
}

/**
 * Sends a stored report, once: a marker beside it says so, and the letter's id follows from the report's, so that a second
 * copy, sent because we died between the server's answer and the marker, is known as such.
 */
export async function sendReport(
  { shelf, mail }: { readonly shelf: ReportShelf; readonly mail: Mail },
  id: string,
  signal?: AbortSignal,
): Promise<SentReport> {
  const report = await shelf.find(id);
  if (report.sentAtUs !== null) return { isNew: false, to: mail.to };
  const messageId = `${encodeURIComponent(report.id).replaceAll('%', '=')}@${domain}`;
  const { attachments, left } = await attachmentsOf(shelf, report);
  const mark = markOf(report.dataKind);
  const lines = linesOf(report, left);
  await mail.send(
    {
      messageId,
      subject: `${mark === undefined ? '' : `[${mark}] `}${report.title}${report.state === 'final' ? '' : ` (${report.state})`}`,
      text: `${lines.map(([name, value]) => `${name}: ${value}`).join('\n')}\n`,
      html: letterPage(report, lines, left).text,
      attachments,
    },
    signal,
  );
  await shelf.markSent(id, { messageId, to: mail.to });
  return { isNew: true, to: mail.to };
}

function linesOf(report: ReportRow, left: readonly string[]): [string, string][] {
  const { heldIds, expectedIds } = report;
  const mark = markOf(report.dataKind);
  return [
    ['Report', report.title],
    ['From', instantText(report.fromUs)],
    ['To', instantText(report.toUs)],
    ['Data', mark === undefined ? report.dataKind : `${mark}: these are not figures of a live market`],
    ['State', report.state],
    [
      'Held',
      heldIds === null || expectedIds === null || expectedIds === 0
        ? 'no stream with ids'
        : `${percentText(heldIds / expectedIds)}, ${countText(heldIds)} of ${countText(expectedIds)} ids`,
    ],
    ['Catalog version', countText(report.catalogVersion)],
    ...(report.pdfAbsence === null ? [] : [['No PDF', report.pdfAbsence] as [string, string]]),
    ...(left.length === 0 ? [] : [['Too large to attach', left.join(', ')] as [string, string]]),
  ];
}

function letterPage(report: ReportRow, lines: readonly (readonly [string, string])[], left: readonly string[]): Markup {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${report.title}</title></head><body style="font:14px/20px system-ui,sans-serif"><h1 style="font-size:18px">${report.title}</h1><table cellpadding="0" cellspacing="0">${lines.map(
    ([name, value]) =>
      html`<tr><td style="padding:2px 16px 2px 0;vertical-align:top">${name}</td><td style="padding:2px 0"><b>${value}</b></td></tr>`,
  )}</table><p>${left.length === 0 ? 'The whole report is attached.' : 'What is too large for a letter lies in the store, under the name of the report.'}</p></body></html>`;
}

/** The page and, where there is one, the PDF: what fits. */
async function attachmentsOf(
  shelf: ReportShelf,
  report: ReportRow,
): Promise<{ attachments: Attachment[]; left: string[] }> {
  const attachments: Attachment[] = [];
  const left: string[] = [];
  let bytesLeft = mostAttachedBytes;
  for (const [name, contentType] of [
    ['report.pdf', 'application/pdf'],
    ['report.html', 'text/html; charset=utf-8'],
  ] as const) {
    const listed = report.files.find((file) => file.name === name);
    if (listed === undefined) continue;
    if (listed.bytes > bytesLeft) {
      left.push(name);
      continue;
    }
    const { bytes } = await shelf.file(report.id, name);
    bytesLeft -= bytes.byteLength;
    attachments.push({ name: `${report.id}.${name.slice('report.'.length)}`, contentType, bytes });
  }
  return { attachments, left };
}
