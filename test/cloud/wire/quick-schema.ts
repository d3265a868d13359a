import { NormalizedSchema } from "@smithy/core/schema";

const { getValueSchema } = NormalizedSchema.prototype;
const known = new WeakMap<NormalizedSchema, NormalizedSchema>();

/** From now on the schema of a list's or a map's values is made once, as those of a structure's members are. */
export function rememberValueSchemas(): void {
  NormalizedSchema.prototype.getValueSchema = function (this: NormalizedSchema) {
    const made = known.get(this) ?? getValueSchema.call(this);
    known.set(this, made);
    return made;
  };
}
