import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RealCloud } from "../../../test/cloud/real.ts";
import { change } from "../deploys.ts";
import { type Answers, commandsOf, typed } from "../documents/commands.ts";
import { RECEIVER_URL, startReceiver } from "../receiver.ts";
import { onThis, type Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { configureSite, type RehearsedSite, type Table } from "../site.ts";
import { makeWheelhouse, REQUIREMENTS } from "../wheels/wheelhouse.ts";

const GUESTBOOK = path.resolve(import.meta.dirname, "../../../test/sites/guestbook");
/** As the documents name them. */
const DOMAIN = "blog.example.com";
const FOLDER = "myproject";
const SECONDS = 300;

const ANSWERS: Answers = [
  ["◆ +User name:", "ann\r"],
  ["◆ +E-mail address:", "ann@example.com\r"],
  ["◆ +Password:", "correct horse battery\r"],
  ["◆ +Password, again:", "correct horse battery\r"],
  ["◆ +The site's name in DNS:", `${DOMAIN}\r`],
  ["◆ +Type the site's name", `${FOLDER}\r`],
  ["◆ [^◆]*\\?", "y"],
  [">>> ", "exit()\r"],
];

/** What stands for something else, by the line. */
const INSTEAD: readonly (readonly [string, string])[] = [
  ["-- CMD", "-- python3 --version"],
  ["manage ARGS", "manage check"],
  ["OWNER/NAME", "ann/blog"],
];

export const docsStart: Scenario = {
  name: "docs-start",
  about:
    "every command of docs/start.md, as it stands there, typed in a terminal: from a project to a site and back",
  prepare,
  async run(rehearsal, result) {
    await follow(rehearsal, result, await commandsOf("docs/start.md"));
    await checkGone(rehearsal);
  },
};

export const docsReadme: Scenario = {
  name: "docs-readme",
  about: "every command of README.md that an owner types, in order: a site begins, is looked after, and ends",
  prepare,
  async run(rehearsal, result) {
    const receiver = await startReceiver(rehearsal, "");
    try {
      const begin = await commandsOf("README.md", "From a project to a site");
      await follow(rehearsal, result, [...begin, ...(await commandsOf("README.md", "Every day"))]);
    } finally {
      await receiver.close();
    }
    await checkGone(rehearsal);
  },
};

/** A Django project that no one has prepared, and where its dependencies are found. */
async function prepare(cloud: RealCloud, to: string, say: (line: string) => void): Promise<RehearsedSite> {
  const folder = path.join(path.dirname(to), FOLDER);
  await rm(folder, { recursive: true, force: true });
  await mkdir(path.dirname(folder), { recursive: true });
  await cp(GUESTBOOK, folder, { recursive: true });
  await rm(path.join(folder, "everspot.toml"));
  await writeFile(path.join(folder, "requirements.txt"), `${REQUIREMENTS.join("\n")}\n`);
  say("making wheels of Django and gunicorn out of Debian's packages");
  await makeWheelhouse(cloud, wheelsBeside(folder));
  return { folder, name: FOLDER, domain: DOMAIN, health: "/healthz", zone: "example.com" };
}

const wheelsBeside = (folder: string): string => path.join(path.dirname(folder), "wheels");

/** What only a rehearsal has, once `init` has written everspot.toml. */
const added = (rehearsal: Rehearsal): Table => ({
  ...onThis(rehearsal.cloud),
  dns: { ttl: 5, drain: 7 },
  notify: { url: RECEIVER_URL },
});

async function follow(rehearsal: Rehearsal, result: Result, lines: readonly string[]): Promise<void> {
  const env = {
    PIP_NO_INDEX: "1",
    PIP_FIND_LINKS: wheelsBeside(rehearsal.site.folder),
    AWS_REGION: rehearsal.cloud.region,
  };
  for (const [i, line] of lines.entries()) {
    const command = INSTEAD.reduce((text, [word, instead]) => text.replace(word, instead), line);
    const what = command.replace(/ +#.*/, "");
    rehearsal.moment(what);
    // A reader has written something since.
    if (/^everspot deploy\b/.test(what)) await change(rehearsal, `before command ${i}`);
    const { exitCode, shown } = await typed(rehearsal, command, ANSWERS, { seconds: SECONDS, env });
    const end = shown.trim().split("\n").slice(-12).join("\n");
    rehearsal.check(exitCode === 0, `\`${what}\` ends with 0, not ${exitCode}:\n${end}`);
    if (exitCode !== 0) throw new Error(`\`${what}\` does not do what the document says`);
    if (what.startsWith("everspot init")) await configureSite(rehearsal.site.folder, () => added(rehearsal));
    if (what === "everspot maintenance on")
      await typed(rehearsal, "everspot maintenance off", [], { seconds: 60, env });
  }
  result.figures = { ...result.figures, "commands typed": lines.length };
}

/** The bucket is kept, as is said beside `everspot down`. */
async function checkGone(rehearsal: Rehearsal): Promise<void> {
  // GitHub's identity provider is the account's: other sites may use it.
  const stays = /bucket|s3|parameter|secret|log|iam identity provider/i;
  const left = (await rehearsal.leftovers()).filter((one) => !stays.test(one));
  rehearsal.check(left.length === 0, `down leaves the bucket alone, but there is ${left.join(", ")}`);
}
