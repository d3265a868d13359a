/** What an instance printed while no one else could tell how its boot went. */
import { EverspotError } from "../../agent/site/errors.ts";
import { plainText } from "../../agent/site/read-json.ts";
import type { Instances } from "../aws/instances.ts";

/** How many of a console's lines, up to 64 KB, are shown: what came last says why nothing came after it. */
const LINES = 25;
/** Characters of a line. */
const WIDE = 300;

/**
 * The end of an instance's console. Empty while EC2 shows none; where it cannot be read, the one line says why: it is
 * asked for only after something else went wrong, which is to be reported all the same.
 * @param secrets that are known here.
 */
export async function consoleTail(
  aws: { instances: Pick<Instances, "console"> },
  instance: string,
  secrets: readonly string[] = [],
): Promise<string[]> {
  try {
    return tailOf(await aws.instances.console(instance), secrets);
  } catch (error) {
    if (error instanceof EverspotError) return [error.message];
    throw error;
  }
}

/** What others must not see of everspot.toml: whoever knows a webhook's address can write there. */
export const secretsOf = ({ notify }: { notify?: { url?: string | undefined } | undefined }): string[] =>
  notify?.url === undefined ? [] : [notify.url];

/** Readable, without secrets (before it is cut: half of one would not be recognized), and short. Pure. */
export function tailOf(output: string, secrets: readonly string[] = []): string[] {
  const known = secrets.filter((secret) => secret !== "");
  const text = plainText(
    known.reduce((left, secret) => left.replaceAll(secret, REDACTED), output.replace(ESCAPE, "")),
  );
  return SHAPES.reduce((left, [shape, instead]) => left.replace(shape, instead), text)
    .split("\n")
    .map((line) => line.trimEnd().slice(0, WIDE))
    .filter((line) => line !== "")
    .slice(-LINES);
}

const REDACTED = "[redacted]";

/** Control sequences of ECMA-48, with what belongs to them, and of OSC. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

/**
 * Bootstrap.sh prints no secret and what comes later is not printed on the console, so the secrets' values are not
 * fetched for this; what looks like one is taken out: private keys, keys of AWS, passwords in URLs, and whatever is
 * called a secret.
 */
const SHAPES: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[^\n]*|$)/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/(:\/\/[^\s:@/]*:)[^\s@/]+@/g, `$1${REDACTED}@`],
  [
    /((?:secret|passw(?:or)?d|passphrase|token|api_?key|accesskey|credential)[\w-]*["']?\s*[=:]\s*["']?)[^\s"',;]{6,}/gi,
    `$1${REDACTED}`,
  ],
];
