import type { Rule } from '../rule.ts';
import { layers } from './layers.ts';
import { outside } from './outside.ts';

export const rules: readonly Rule[] = [layers, outside];
