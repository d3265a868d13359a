/** docs/configuration.md: every key in tables. */
import type { JsonSchema } from "./json-schema.ts";
import { defaultOf, type Key, type Table, tables, toml } from "./keys.ts";
import { stages } from "./stages.ts";

const HEAD = `# everspot.toml

<!-- Made by \`npm run docs\` from the schema in agent/site/config/ and provisioner/config/; changes here are lost. -->

One file in the project's folder says what the site is. Only \`site\`, \`region\`, \`domain\` and \`wsgi\` (or \`asgi\`) are required.
[everspot.example.toml](../provisioner/everspot.example.toml) has every key once, as a file that could be used. An unknown
key or a value that no instance could serve is refused by every command, all of them at once, each with its line and what
to do about it.

Secrets do not belong here: \`everspot secret set NAME\` keeps them in SSM Parameter Store below \`/everspot/<site>/\`, and
the app finds them in its environment.

An editor with a TOML language server (Taplo, Even Better TOML) checks and completes the file when its first line names
the schema, which is installed with everspot:

\`\`\`sh
echo "#:schema $(npm root --global)/everspot/provisioner/everspot.schema.json"
\`\`\`
`;

export const page = (): string =>
  [
    HEAD,
    ...tables().map(section),
    `## [stages.NAME]\n\n${escaped(stages.description)}\n\n\`\`\`toml\n${stages.example}\`\`\`\n`,
  ].join("\n");

const section = ({ name, note, keys }: Table): string =>
  `## ${name === "" ? "Above the first table" : `[${name}]`}
${note === undefined ? "" : `\n${escaped(note.description)}${note.otherwise === undefined ? "" : ` Without it ${note.otherwise}.`}\n`}
| key | value | default | what it is |
|---|---|---|---|
${keys.flatMap(rows).join("\n")}
`;

/** A key with those of its table, if that stands on one line. */
const rows = (key: Key): string[] => [
  row(key),
  ...key.inner.map((one) => row({ ...one, name: `${key.name}.${one.name}` })),
];

const row = (key: Key): string =>
  `| \`${key.name}\` | ${escaped(kind(key.json))} | ${key.required ? "*required*" : shown(key)} | ${escaped(key.note.description)} |`;

/** A default in words stays in words. */
const shown = (key: Key): string =>
  key.note.otherwise !== undefined || defaultOf(key) === "none"
    ? escaped(defaultOf(key))
    : `\`${defaultOf(key)}\``;

function kind(json: JsonSchema): string {
  if (json.enum !== undefined) return json.enum.map((value) => `\`${toml(value)}\``).join(" or ");
  if (json.anyOf !== undefined) return json.anyOf.map((one) => kind(one as JsonSchema)).join(" or ");
  switch (json.type) {
    case "integer":
      return `${json.minimum} to ${json.maximum}`;
    case "number":
      return `a number up to ${json.maximum}`;
    case "boolean":
      return "`true` or `false`";
    case "array":
      return `list of ${plural(kind(json.items as JsonSchema))}${json.maxItems === undefined ? "" : `, at most ${json.maxItems}`}`;
    case "object":
      return json.properties === undefined
        ? `table of ${plural(kind((json.additionalProperties ?? {}) as JsonSchema))}`
        : `table of ${Object.keys(json.properties)
            .map((key) => `\`${key}\``)
            .join(" and ")}`;
    default:
      return "string";
  }
}

const plural = (what: string): string =>
  what
    .replace(/\bstring\b/, "strings")
    .replace("list of", "lists of")
    .replace(/^table of/, "tables of");

const escaped = (text: string): string => text.replaceAll("|", "\\|").replace(/<(\w+)>/g, "&lt;$1&gt;");
