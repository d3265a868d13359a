import { example } from "./example.ts";
import { siteJsonSchema } from "./json-schema.ts";
import { page } from "./page.ts";

/** Everything that is made from the schema of everspot.toml, by its path in the project. */
export const documents: Readonly<Record<string, () => string>> = {
  "provisioner/everspot.example.toml": example,
  "provisioner/everspot.schema.json": () => `${JSON.stringify(siteJsonSchema(), null, 2)}\n`,
  "docs/configuration.md": page,
};
