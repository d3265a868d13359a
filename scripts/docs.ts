/** npm run docs: writes what is made from the schema of everspot.toml. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { documents } from "./docs/documents.ts";

const root = path.resolve(import.meta.dirname, "..");
for (const [file, text] of Object.entries(documents)) writeFileSync(path.join(root, file), text());
