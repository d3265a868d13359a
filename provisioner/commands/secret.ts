import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import { connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { age } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";

/** As the instance takes them: the name of an environment variable. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/**
 * Names that everspot itself sets, or that Python and systemd need. Of everspot's, only the webhook's secret may be set:
 * it is for the agent, and the app does not get it.
 */
const RESERVED = /^(EVERSPOT_(?!NOTIFY_SECRET$).*|PYTHONPATH|STATE_DIRECTORY|RUNTIME_DIRECTORY|PATH|HOME)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what an environment file cannot hold
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f]/;
/** Bytes of a standard parameter. https://docs.aws.amazon.com/general/latest/gr/ssm.html */
const LARGEST = 4096;

const WHEN = "it takes effect at the app's next start: `everspot deploy --force`";

/** `everspot secret set NAME`: the value comes from stdin or a hidden prompt, never from an argument. */
export async function runSecretSet(config: SiteConfig, tools: Tools, name: string): Promise<void> {
  checkName(name);
  const value = await tools.questions.secret(`Value of ${name} for ${config.site}:`);
  checkValue(name, value);
  const aws = await connect(config);
  try {
    const replaced = await aws.secrets.set(name, value);
    tools.terminal.json({ command: "secret set", site: config.site, name, replaced });
    tools.terminal.print(`${name} is ${replaced ? "changed" : "set"}; ${WHEN}`);
  } finally {
    aws.close();
  }
}

/** `everspot secret list`: names, never values. */
export async function runSecretList(config: SiteConfig, tools: Tools): Promise<void> {
  const { terminal, clock } = tools;
  const aws = await connect(config);
  try {
    const secrets = await aws.secrets.list();
    terminal.json({
      command: "secret list",
      site: config.site,
      secrets: secrets.map(({ name, changed }) => ({ name, changed: changed.toISOString() })),
    });
    if (secrets.length === 0) terminal.print("no secrets; `everspot secret set NAME` makes one");
    const wide = Math.max(0, ...secrets.map((s) => s.name.length));
    for (const { name, changed } of secrets) {
      terminal.print(`${name.padEnd(wide)}  set ${age(clock.now() - changed.getTime())} ago`);
    }
  } finally {
    aws.close();
  }
}

export async function runSecretUnset(config: SiteConfig, tools: Tools, name: string): Promise<void> {
  checkName(name);
  const aws = await connect(config);
  try {
    if (!(await aws.secrets.unset(name))) {
      throw new EverspotError(`${config.site} has no secret ${name}`, {
        hint: "`everspot secret list` shows them",
      });
    }
    tools.terminal.json({ command: "secret unset", site: config.site, name });
    tools.terminal.print(`${name} is gone; ${WHEN}`);
  } finally {
    aws.close();
  }
}

function checkName(name: string): void {
  if (name.includes("=")) {
    throw new EverspotError("a value on the command line can be read by everyone on this computer", {
      hint: "give the name alone, and the value on stdin or when asked; this one may be in your shell's history now",
      exitCode: USAGE,
    });
  }
  if (!NAME.test(name)) {
    throw new EverspotError(`${JSON.stringify(name)} cannot be the name of an environment variable`, {
      hint: "use letters, digits and _",
      exitCode: USAGE,
    });
  }
  if (RESERVED.test(name)) {
    throw new EverspotError(`${name} is set by everspot itself`, {
      hint: "use another name",
      exitCode: USAGE,
    });
  }
}

/** No message contains the value. */
function checkValue(name: string, value: string): void {
  if (value === "") throw new EverspotError(`the value of ${name} is empty`, { exitCode: USAGE });
  const size = Buffer.byteLength(value);
  if (size > LARGEST) {
    throw new EverspotError(`the value of ${name} has ${size} bytes, and a secret holds ${LARGEST}`, {
      hint: "keep large data in a bucket of its own and only its key here",
      exitCode: USAGE,
    });
  }
  if (REFUSED.test(value)) {
    throw new EverspotError(`the value of ${name} has control characters`, {
      hint: "only tabs and line breaks (LF) are allowed; encode binary values, for example as base64",
      exitCode: USAGE,
    });
  }
}
