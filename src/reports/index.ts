export type { MadeReport, MakeOptions, ReportWorkshop } from './make.ts';
export { makeReport } from './make.ts';
export type { ReportWish } from './period.ts';
export { dailyWish, marketSubject, rangeWish, weeklyWish } from './period.ts';
export { ReportShelf } from './shelf.ts';
