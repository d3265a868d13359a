/** everspot.example.toml: every key with its reasons, as a file that could be used. */
import { defaultOf, type Key, type Table, tables, toml, tomlKey } from "./keys.ts";
import { stages } from "./stages.ts";

/** Columns of a comment. */
const WIDTH = 118;

const HEAD =
  "Every key everspot knows. Only site, region, domain and [app] wsgi (or asgi) are required; what stands behind the other keys here is an example, and the comments say what holds without them. Editors that know TOML's schemas check and complete the file by its first line.";

export const example = (): string =>
  [
    "#:schema ./everspot.schema.json",
    comment(HEAD),
    "",
    ...tables().map(tableText),
    comment(stages.description),
    stages.example,
  ].join("\n");

function tableText({ example: name, note, keys }: Table): string {
  const lines = keys.filter((key) => !isTable(key)).map(keyText);
  const above = note === undefined ? [] : [comment(note.description), `[${name}]`];
  const inner = keys.filter(isTable).map((key) => subTable(name, key));
  return [...above, ...lines, ...inner, ""].join("\n");
}

function keyText(key: Key): string {
  const line = `${key.name} = ${toml(key.note.examples?.[0])}`;
  return `${comment(withDefault(key))}\n${key.note.aside ? `# ${line}` : line}`;
}

const withDefault = (key: Key): string =>
  key.required ? key.note.description : `${key.note.description} Default: ${defaultOf(key)}.`;

/** A table of names that the schema does not know, such as an environment. */
const isTable = ({ json }: Key): boolean => typeof json.additionalProperties === "object";

function subTable(table: string, key: Key): string {
  const values = Object.entries(key.note.examples?.[0] ?? {});
  return [
    "",
    comment(key.note.description),
    `[${table}.${key.name}]`,
    ...values.map(([name, value]) => `${tomlKey(name)} = ${toml(value)}`),
  ].join("\n");
}

function comment(text: string): string {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line !== "#" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}
