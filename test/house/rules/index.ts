import type { Rule } from '../rule.ts';
import { colours } from './colours.ts';
import { layers } from './layers.ts';
import { names } from './names.ts';
import { outside } from './outside.ts';
import { ownWords } from './own-words.ts';
import { sqlDivision } from './sql-division.ts';
import { unfinished } from './unfinished.ts';

export const rules: readonly Rule[] = [layers, outside, sqlDivision, names, ownWords, unfinished, colours];
