import * as z from "zod/mini";

type Camel<Key> = Key extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Key;

export type CamelKeys<T> = { [Key in keyof T as Camel<Key>]: T[Key] };

/** The keys of one table as the program writes them: `max_price` becomes `maxPrice`. Tables inside it keep theirs. */
export const camelKeys = <T extends object>(table: T): CamelKeys<T> =>
  Object.fromEntries(
    Object.entries(table).map(([key, value]) => [key.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), value]),
  ) as CamelKeys<T>;

/** A table of everspot.toml: keys as they stand in the file come in, keys as the program writes them go out. */
export const table = <Shape extends z.core.$ZodShape>(shape: Shape) => {
  const written = z.strictObject(shape);
  return z.pipe(
    written,
    z.transform((value: z.output<typeof written>) => camelKeys(value)),
  );
};
