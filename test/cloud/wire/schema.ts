/** The parts of the SDK's schema tuples and traits this server reads, typed. */
import { NormalizedSchema } from "@smithy/core/schema";

export type Dict = Record<string, unknown>;

/** What the SDK calls a schema: a number, a tuple, or a function that returns one. */
export type SchemaRef = Parameters<typeof NormalizedSchema.of>[0];
/** [3, namespace, name, traits, member names, member schemas, how many of the first are required] */
type StructureTuple = readonly [number, string, string, unknown, string[], SchemaRef[], number?];

export interface Traits {
  httpLabel?: number;
  httpQuery?: string;
  httpHeader?: string;
  httpPrefixHeaders?: string;
  httpPayload?: number;
  httpResponseCode?: number;
  httpQueryParams?: number;
  xmlName?: string;
  xmlFlattened?: number;
  ec2QueryName?: string;
}

export const traitsOf = (schema: NormalizedSchema): Traits => schema.getMergedTraits() as Traits;

const tuple = (schema: NormalizedSchema): StructureTuple => schema.getSchema() as unknown as StructureTuple;

const structure = (...parts: StructureTuple): NormalizedSchema =>
  NormalizedSchema.of(parts as unknown as SchemaRef);

export const memberNames = (schema: NormalizedSchema): readonly string[] => tuple(schema)[4];

export const requiredMembers = (schema: NormalizedSchema): readonly string[] =>
  tuple(schema)[4].slice(0, tuple(schema)[6] ?? 0);

/** Schemas never change, and each that is made anew makes those of its members anew, which takes longer than a call. */
export function remembered<T>(make: (schema: NormalizedSchema) => T): (schema: NormalizedSchema) => T {
  const known = new WeakMap<object, { made: T }>();
  return (schema) => {
    if (!schema.isStructSchema()) return make(schema);
    const found = known.get(tuple(schema)) ?? { made: make(schema) };
    known.set(tuple(schema), found);
    return found.made;
  };
}

/** Members of a structure by name. */
export const membersOf = remembered(
  (schema): ReadonlyMap<string, NormalizedSchema> => new Map(schema.structIterator()),
);

const renamedAs = remembered((_schema) => new Map<string, NormalizedSchema>());

/** A structure with the same members under another name and, for XML, another root element. */
export function renamed(schema: NormalizedSchema, name: string): NormalizedSchema {
  const [kind, namespace, , , names, members] = tuple(schema);
  const known = renamedAs(schema);
  const found = known.get(name) ?? structure(kind, namespace, name, { xmlName: name }, names, members);
  known.set(name, found);
  return found;
}

/** The members that travel in the body, as a structure of their own; undefined when there are none. */
export const bodyMembers = remembered(withoutBound);

function withoutBound(schema: NormalizedSchema): NormalizedSchema | undefined {
  if (schema.isUnitSchema()) return undefined;
  const [kind, namespace, name, traits, names, members] = tuple(schema);
  const kept = names.flatMap((member, i) => {
    const ref = members[i];
    const travels = !isBoundToHttp(traitsOf(schema.getMemberSchema(member)));
    return travels && ref !== undefined ? [{ member, ref }] : [];
  });
  if (kept.length === 0) return undefined;
  return structure(
    kind,
    namespace,
    name,
    traits,
    kept.map((k) => k.member),
    kept.map((k) => k.ref),
  );
}

function isBoundToHttp(traits: Traits): boolean {
  return [
    traits.httpLabel,
    traits.httpQuery,
    traits.httpQueryParams,
    traits.httpHeader,
    traits.httpPrefixHeaders,
    traits.httpResponseCode,
    traits.httpPayload,
  ].some((trait) => trait !== undefined);
}

/** The one member that is the whole body. */
export const payloadMember = remembered((schema): [string, NormalizedSchema] | undefined =>
  [...membersOf(schema)].find(([, member]) => traitsOf(member).httpPayload !== undefined),
);

export const text = (value: unknown): string => (typeof value === "string" ? value : "");
