/** A project's copy made ready: what `everspot init` proposes, and what a rehearsal adds to it. */
import { existsSync } from "node:fs";
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { CLI, type CommandOutcome, runCommand } from "../rehearsal.ts";
import { configureSite, isTable, type RehearsedSite, type Table } from "../site.ts";
import type { Correction, KnownProject } from "./known.ts";
import { type Outcome, refuse, warningsIn } from "./outcome.ts";
import type { Admin } from "./visit.ts";

const INIT_SECONDS = 600;
/** Resolvers here keep to the record's TTL, so no one needs to wait as long as for others. */
const DRAIN = 5;

/** A variable that `init` found and cannot give a value. */
export interface Wanted {
  name: string;
  secret: boolean;
}

const siteOf = (folder: string): string =>
  path
    .basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

interface How {
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

/**
 * A project without an everspot.toml gets what everspot proposes, after it was corrected as everspot says if that is
 * known beforehand. @returns what its owner has to say.
 */
export async function init(
  folder: string,
  outcome: Outcome,
  corrections: readonly Correction[],
  how: How,
): Promise<Wanted[]> {
  if ((await stat(path.join(folder, "everspot.toml")).catch(() => undefined)) !== undefined) return [];
  let done = await runInit(folder, outcome, how);
  const said = done.lines.join("\n");
  const due = corrections.filter((c) => said.includes(c.words));
  if (done.exitCode !== 0 && due.length > 0) {
    for (const { file, find, replace, done: what } of due) {
      how.say(`${file} is corrected: ${what}`);
      const full = path.join(folder, file);
      await writeFile(full, (await readFile(full, "utf8")).replace(find, replace));
      outcome.asked.push(what);
    }
    done = await runInit(folder, outcome, how);
  }
  outcome.warnings.push(...warningsIn(done.lines));
  if (done.exitCode !== 0) refuse(outcome, done.lines);
  const { wanted = [] } = done.json as { wanted?: Wanted[] };
  outcome.asked.push(...wanted.map((w) => w.name));
  return wanted;
}

async function runInit(folder: string, outcome: Outcome, { env, say }: How): Promise<CommandOutcome> {
  say("everspot init --yes");
  const site = siteOf(folder);
  const names = ["--site", site, "--domain", `${site}.example.com`, "--region", "us-east-1"];
  const done = await runCommand([CLI, "init", "--yes", ...names, "--json"], {
    ...{ cwd: folder, env, seconds: INIT_SECONDS, say },
  });
  outcome.seconds.init = (outcome.seconds.init ?? 0) + done.seconds;
  return done;
}

/** What everspot says to do about a file that the project's own tools made, and that .gitignore names. */
export async function keepBuilt(folder: string, keep: string | undefined, outcome: Outcome): Promise<void> {
  if (keep === undefined) return;
  await appendFile(path.join(folder, ".everspotignore"), `!${keep}\n`);
  outcome.commands.push(`echo '!${keep}' >> .everspotignore`);
}

interface Additions {
  admin: Admin;
  /** What the local AWS has of its own. */
  here: Table;
  wanted: readonly Wanted[];
  known: KnownProject | undefined;
}

/** What is the rehearsal's own business, what `init` asked for, and an account for whoever looks after the site. */
export function configure(
  folder: string,
  outcome: Outcome,
  { admin, here, wanted, known }: Additions,
): Promise<RehearsedSite> {
  const site = siteOf(folder);
  const asked = wanted
    .filter((w) => !w.secret)
    .map(({ name }) => [name, known?.values?.[name] ?? "rehearsal"] as const);
  return configureSite(folder, (config) => {
    const app = isTable(config.app) ? config.app : {};
    const image = isTable(config.image) ? config.image : {};
    outcome.os = String(image.os ?? "debian-13");
    const before = Array.isArray(app.before_start) ? app.before_start : [];
    const root = path.join(folder, typeof app.root === "string" ? app.root : ".");
    // A project in one file is its own manage.py, and has no accounts.
    const account = existsSync(path.join(root, "manage.py"))
      ? ["python3 manage.py createsuperuser --noinput || true"]
      : [];
    return {
      ...here,
      ...{ site, domain: `${site}.example.com`, dns: { drain: DRAIN } },
      app: {
        // There is an account to log in with where there is Django's admin; elsewhere the command is not known.
        before_start: [...before, ...account],
        env: {
          ...Object.fromEntries(asked),
          DJANGO_SUPERUSER_USERNAME: admin.user,
          DJANGO_SUPERUSER_EMAIL: admin.user,
          DJANGO_SUPERUSER_PASSWORD: admin.password,
        },
      },
    };
  });
}
