// SQL models as the API gives them.
import { z } from 'zod';

const text = (description: string) => z.string().describe(description);

/** One SQL model with what is published of it. */
export const modelRowSchema = z.strictObject({
  name: text('the table that it makes'),
  path: text('its file in the folder of models'),
  description: text('what it is'),
  reads: z.array(z.string()).describe('tables and models that it refers to'),
  columns: z.array(
    z.strictObject({
      name: text('name'),
      type: z.string().nullable().describe('SQL type, where the description promises one'),
      description: text('what it means'),
    }),
  ),
  tests: z.array(
    z.strictObject({
      name: text('name with its arguments'),
      column: z.string().nullable(),
      severity: z.enum(['error', 'warn']).describe('a warn blocks nothing'),
    }),
  ),
  sql: text('as written'),
  days: z.int().describe('days that are published'),
  rows: z.int().describe('rows that are published'),
  newestDate: z.string().nullable(),
});
export type ModelRow = z.infer<typeof modelRowSchema>;

/** GET /api/v1/models */
export const modelsAnswerSchema = z.strictObject({
  models: z.array(modelRowSchema).describe('each after those that it refers to'),
  problems: z
    .array(z.strictObject({ name: text('a model or file'), code: z.string(), message: z.string() }))
    .describe('models that cannot be used, and why'),
});
export type ModelsAnswer = z.infer<typeof modelsAnswerSchema>;
