import { z } from 'zod';
import { dataKinds } from '../domain/state.ts';
import * as reports from './reports.ts';

// The types of reports.ts as schemas. The last constant of this file compiles only while both say the same.

const instantUs = z.int().describe('µs since 1970-01-01 UTC');
const hash = z.string().describe('SHA-256, hex');

export const reportRowSchema = z
  .object({
    id: z.string().describe('kind, first day, subject and catalog version'),
    kind: z.enum(reports.reportKinds),
    subject: z.string().describe('market, or an instrument'),
    title: z.string(),
    fromUs: instantUs,
    toUs: instantUs,
    madeAtUs: instantUs,
    catalogVersion: z.int(),
    heldIds: z.int().nullable(),
    expectedIds: z.int().nullable(),
    dataKind: z.enum(dataKinds),
    state: z.enum(reports.reportStates),
    contentHash: hash,
    pdfAbsence: z.string().nullable().describe('why there is no report.pdf'),
    files: z.array(z.object({ name: z.string(), bytes: z.int(), sha256: hash })),
    sentAtUs: instantUs.nullable(),
    isSuperseded: z.boolean(),
  })
  .meta({ id: 'ReportRow' });

export const reportsAnswerSchema = z.object({ reports: z.array(reportRowSchema) }).meta({ id: 'ReportsAnswer' });

/** Both ways: what the schema reads is the type, and the type is what the schema reads. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Writable<T> = T extends readonly (infer U)[]
  ? Writable<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Writable<T[K]> }
    : T;
export const schemasAreTheTypes: Same<z.infer<typeof reportsAnswerSchema>, Writable<reports.ReportsAnswer>> = true;
