/** everspot.schema.json, by which editors check and complete everspot.toml. */
import * as z from "zod/mini";
import { notes, patterns } from "../../agent/site/config/text.ts";
import { siteFile, stageName } from "../../provisioner/config/schema.ts";
import { stages } from "./stages.ts";

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Of what stands in the file. */
export function jsonSchemaOf(schema: z.core.$ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: "draft-7",
    io: "input",
    metadata: notes,
    override: ({ zodSchema, jsonSchema }) => {
      Object.assign(jsonSchema, patterns.get(zodSchema));
      const { otherwise } = jsonSchema;
      if (otherwise !== undefined) jsonSchema.description += ` Default: ${String(otherwise)}.`;
      delete jsonSchema.otherwise;
      delete jsonSchema.missing;
      delete jsonSchema.aside;
      delete jsonSchema.named;
    },
  });
  return rest;
}

export function siteJsonSchema(): JsonSchema {
  const site = jsonSchemaOf(siteFile);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "everspot.toml",
    ...site,
    properties: {
      ...site.properties,
      stages: {
        type: "object",
        description: stages.description,
        propertyNames: { pattern: stageName.source },
        additionalProperties: stageOf(site),
      },
    },
  };
}

/** A stage takes over what it does not name, but for its domain; and its name follows from the site's. */
function stageOf(site: JsonSchema): JsonSchema {
  const { site: _, ...properties } = site.properties ?? {};
  return { ...(withoutRequired({ ...site, properties }) as JsonSchema), required: ["domain"] };
}

/** `static` stays as it is: a stage that names it names all of it. */
function withoutRequired(schema: unknown): unknown {
  if (Array.isArray(schema) || typeof schema !== "object" || schema === null) return schema;
  const { required: _, ...rest } = schema as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key,
      key === "default" || key === "examples" ? value : withoutRequired(value),
    ]),
  );
}
