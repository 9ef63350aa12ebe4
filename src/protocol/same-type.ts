import type { z } from 'zod';

type Mutable<T> = T extends readonly (infer U)[]
  ? Mutable<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : { differs: [A, B] };
/** `true` when what a schema lets through is just the type, whatever is read-only. */
export type Same<Schema extends z.ZodType, Type> = Equal<Mutable<z.output<Schema>>, Mutable<Type>>;
