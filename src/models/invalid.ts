import { TidemarkError } from '../domain/error.ts';

export function invalid(path: string, why: string, now?: string): TidemarkError {
  return new TidemarkError('model-invalid', {
    doing: 'use the model',
    what: path,
    why,
    ...(now === undefined ? {} : { now }),
  });
}
