import type { core } from "zod/mini";

type Shape = Readonly<Record<string, core.$ZodType>>;

interface Def {
  shape?: Shape;
  innerType?: core.$ZodType;
  in?: core.$ZodType;
  options?: readonly core.$ZodType[];
  valueType?: core.$ZodType;
}

const defOf = (schema: core.$ZodType): Def => schema._zod.def as core.$ZodTypeDef & Def;

/** The keys of a table, whatever its schema is wrapped in; undefined for other values. */
export function shapeOf(schema: core.$ZodType): Shape | undefined {
  const { shape, innerType, in: from, options = [] } = defOf(schema);
  const inner = innerType ?? from;
  if (shape !== undefined) return shape;
  if (inner !== undefined) return shapeOf(inner);
  return options.map(shapeOf).find((one) => one !== undefined);
}

/** The schema of the values in a table whose names are not known beforehand. */
export function valuesOf(schema: core.$ZodType): core.$ZodType | undefined {
  const { valueType, innerType, in: from } = defOf(schema);
  const inner = innerType ?? from;
  return valueType ?? (inner && valuesOf(inner));
}

/** The schema of what may stand at a path of tables; undefined where nothing is known. */
export function schemaAt(
  schema: core.$ZodType,
  path: readonly (string | number)[],
): core.$ZodType | undefined {
  return path.reduce<core.$ZodType | undefined>(
    (at, key) => at && (shapeOf(at)?.[key] ?? valuesOf(at)),
    schema,
  );
}
