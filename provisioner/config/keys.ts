import type { core } from "zod/mini";

type Shape = Readonly<Record<string, core.$ZodType>>;

/** The keys of a table, whatever its schema is wrapped in; undefined for other values. */
export function shapeOf(schema: core.$ZodType): Shape | undefined {
  const def: core.$ZodTypeDef & { shape?: Shape; innerType?: core.$ZodType; in?: core.$ZodType } =
    schema._zod.def;
  const inner = def.innerType ?? def.in;
  return def.shape ?? (inner && shapeOf(inner));
}

/** The schema of what may stand at a path of tables; undefined where nothing is known. */
export function schemaAt(
  schema: core.$ZodType,
  path: readonly (string | number)[],
): core.$ZodType | undefined {
  return path.reduce<core.$ZodType | undefined>((at, key) => at && shapeOf(at)?.[key], schema);
}
