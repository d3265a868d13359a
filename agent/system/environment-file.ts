import { EverspotError } from "../site/errors.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what systemd refuses.
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f]/;

/**
 * The text of a systemd `EnvironmentFile=` (systemd.exec(5)): inside double quotes a backslash escapes
 * `"`, `\`, `` ` `` and `$`; tabs and line breaks stand as they are. Later names win.
 * @throws EverspotError for what systemd would drop with no more than a line in the journal.
 */
export function renderEnvironment(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      if (!NAME.test(name)) {
        throw new EverspotError(`${JSON.stringify(name)} cannot be the name of an environment variable`, {
          hint: "use letters, digits and _",
        });
      }
      // The value stays out of the message: it may be a secret.
      if (REFUSED.test(value)) {
        throw new EverspotError(`the value of ${name} has control characters`, {
          hint: "only tabs and line breaks (LF) are allowed; encode binary values, for example as base64",
        });
      }
      return `${name}="${value.replace(/["\\`$]/g, "\\$&")}"\n`;
    })
    .join("");
}
