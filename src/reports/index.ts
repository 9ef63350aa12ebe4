export type { MadeReport, MakeOptions, ReportWorkshop } from './make.ts';
export { makeReport } from './make.ts';
export type { ReportWish } from './period.ts';
export { askedWish, dailyWish, marketSubject, weeklyWish } from './period.ts';
export { reportsToRenew } from './renew.ts';
export type { SentReport } from './send.ts';
export { sendReport } from './send.ts';
export { ReportShelf } from './shelf.ts';
