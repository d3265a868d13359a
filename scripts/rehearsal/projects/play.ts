/** One project of someone else, from a copy of its clone to a site that has been lost once and is there again. */
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../../agent/site/errors.ts";
import { vanish } from "../acts.ts";
import { CLI, onThis, Rehearsal, runCommand } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import { configureSite, isTable, type RehearsedSite, type Table } from "../site.ts";
import { checkOut, copyProject, type Given } from "./copy.ts";
import { errorIn, type Outcome, packingSeconds, warningsIn } from "./outcome.ts";
import { type Admin, missing, visitSite } from "./visit.ts";

const INIT_SECONDS = 300;
const UP_SECONDS = 900;
const DEPLOY_SECONDS = 900;
const HEAL_SECONDS = 300;
/** The Debian mirror and pip's index, as seen in the sandbox. */
const PIP_PROXY = "http://127.0.0.1:3142";
/** Resolvers here keep to the record's TTL, so nobody needs to wait as long as for others. */
const DRAIN = 10;

/** @param directory of this play alone. */
export async function playProject(
  given: Given,
  directory: string,
  say: (line: string) => void,
  keepLogs: (rehearsal: Rehearsal) => Promise<void>,
): Promise<Outcome> {
  const { name, commit, known } = given;
  const next = known?.next;
  const outcome: Outcome = {
    ...{ project: name, result: "failed", commands: [], attempts: 0, seconds: {} },
    ...{ warnings: [], visits: [], problems: [] },
    ...(commit !== undefined && { commit: next === undefined ? commit : `${known?.commit} → ${next}` }),
  };
  const result: Result = { scenario: name, problems: [], boots: [], timeline: [], visitors: [] };
  const admin = { user: "rehearsal", password: randomBytes(12).toString("hex") };
  let rehearsal: Rehearsal | undefined;
  try {
    rehearsal = await Rehearsal.start({
      ...{ result, say },
      env: { PIP_PROXY },
      prepare: async (cloud) => {
        const folder = path.join(directory, path.basename(given.folder));
        await copyProject(given, folder);
        await init(folder, outcome, { env: { ...cloud.env, PIP_PROXY }, say });
        return configure(folder, outcome, admin, onThis(cloud));
      },
    });
    await play(rehearsal, outcome, given, admin);
  } catch (error) {
    if (!(error instanceof Refused)) fail(outcome, error, say);
  } finally {
    if (rehearsal !== undefined) {
      await keepLogs(rehearsal);
      await rehearsal.close();
    }
  }
  judge(outcome, given);
  outcome.problems.push(...result.problems);
  return outcome;
}

/** It was refused before anything was changed: an end that may be right. */
class Refused extends Error {}

function refuse(outcome: Outcome, lines: readonly string[]): never {
  outcome.result = "refused";
  outcome.reason = errorIn(lines);
  throw new Refused(outcome.reason);
}

function fail(outcome: Outcome, error: unknown, say: (line: string) => void): void {
  outcome.reason ??= messageOf(error);
  outcome.problems.push(outcome.reason);
  say(`FAILED: ${messageOf(error)}`);
  const lines = error instanceof EverspotError ? error.lines : [String((error as Error).stack)];
  for (const line of lines) say(`  | ${line}`);
}

function judge(outcome: Outcome, { known }: Given): void {
  const wanted = known?.refused;
  if (outcome.result === "refused" && wanted?.test(outcome.reason ?? "") !== true) {
    outcome.problems.push(wanted === undefined ? "it should be served" : `refused, but not for ${wanted}`);
  }
  if (outcome.result === "served" && wanted !== undefined) outcome.problems.push(`not refused for ${wanted}`);
}

/** A project that has no everspot.toml of its own gets what everspot proposes. */
async function init(
  folder: string,
  outcome: Outcome,
  how: { env: NodeJS.ProcessEnv; say: (line: string) => void },
): Promise<void> {
  if ((await stat(path.join(folder, "everspot.toml")).catch(() => undefined)) !== undefined) return;
  how.say("everspot init --yes");
  const done = await runCommand([CLI, "init", "--yes", "--json"], {
    cwd: folder,
    seconds: INIT_SECONDS,
    ...how,
  });
  outcome.seconds.init = done.seconds;
  outcome.warnings.push(...warningsIn(done.lines));
  if (done.exitCode !== 0) refuse(outcome, done.lines);
}

/** What is the rehearsal's own business, and an account for whoever looks after the site. */
function configure(folder: string, outcome: Outcome, admin: Admin, here: Table): Promise<RehearsedSite> {
  const site = path
    .basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
  return configureSite(folder, (config) => {
    const app = isTable(config.app) ? config.app : {};
    const image = isTable(config.image) ? config.image : {};
    outcome.os = String(image.os ?? "debian-13");
    const before = Array.isArray(app.before_start) ? app.before_start : [];
    return {
      ...here,
      ...{ site, domain: `${site}.example.com`, dns: { drain: DRAIN } },
      app: {
        // There is an account to log in with where there is Django's admin; elsewhere the command is not known.
        before_start: [...before, "python3 manage.py createsuperuser --noinput || true"],
        env: {
          DJANGO_SUPERUSER_USERNAME: admin.user,
          DJANGO_SUPERUSER_EMAIL: `${admin.user}@example.com`,
          DJANGO_SUPERUSER_PASSWORD: admin.password,
        },
      },
    };
  });
}

async function play(rehearsal: Rehearsal, outcome: Outcome, given: Given, admin: Admin): Promise<void> {
  const { seconds } = outcome;
  const ca = await readFile(rehearsal.cloud.rootFile);
  const { domain, health, folder } = rehearsal.site;
  const look = async (after: Outcome["visits"][number]["after"]): Promise<string[]> => {
    const visit = await visitSite(domain, ca, [health], admin);
    rehearsal.moment(
      `visitor: ${visit.pages.join(", ")}; ${visit.assets.length} files; admin: ${visit.login}${visit.problems.map((p) => `; ${p}`).join("")}`,
    );
    outcome.visits.push({ after, visit });
    outcome.problems.push(...visit.problems.map((problem) => `after ${after}: ${problem}`));
    return visit.assets.filter(isHashed);
  };
  const stillThere = async (after: string, assets: readonly string[]): Promise<void> => {
    const gone = await missing(domain, ca, assets);
    for (const one of gone.slice(0, 3))
      outcome.problems.push(`after ${after}: of a page that is open, ${one}`);
  };

  outcome.commands.push("everspot up");
  outcome.attempts += 1;
  rehearsal.moment("everspot up");
  const mark = rehearsal.mark();
  const up = await rehearsal.cli(["up", "--yes"], UP_SECONDS);
  seconds.up = up.seconds;
  seconds.packing = packingSeconds(up.lines) ?? seconds.packing ?? Number.NaN;
  if (Number.isNaN(seconds.packing)) delete seconds.packing;
  outcome.warnings.push(...warningsIn(up.lines));
  if (up.exitCode !== 0) {
    if (rehearsal.writes(mark).length === 0) refuse(outcome, up.lines);
    outcome.reason = errorIn(up.lines);
    throw new EverspotError(outcome.reason, { lines: up.lines.slice(-40) });
  }
  const named = await look("up");

  rehearsal.moment("everspot deploy");
  if (given.known?.next !== undefined) await checkOut(folder, given.known.next);
  else await writeFile(path.join(folder, "version.txt"), "another release\n");
  const deploy = await rehearsal.cli(["deploy"], DEPLOY_SECONDS);
  seconds.deploy = deploy.seconds;
  if (deploy.exitCode !== 0) {
    outcome.reason = `deploy: ${errorIn(deploy.lines)}`;
    throw new EverspotError(outcome.reason, { lines: deploy.lines.slice(-40) });
  }
  await stillThere("deploy", named);
  await look("deploy");

  const visitor = rehearsal.visit({ name: "every 200 ms", every: 200 });
  if ((await visitor.first((s) => !failed(s), 30)) === undefined)
    throw new Error("no answer before the loss");
  await vanish(rehearsal);
  const lost = Date.now();
  const gone = await visitor.first((s) => s.at > lost && failed(s), 60);
  const back = await visitor.first((s) => s.at > (gone?.at ?? lost) && !failed(s), HEAL_SECONDS);
  await visitor.stop();
  if (gone === undefined || back === undefined)
    throw new Error(`not back ${HEAL_SECONDS} s after its instance vanished`);
  seconds.heal = (back.at - lost) / 1000;
  await stillThere("heal", named);
  await look("heal");
  outcome.result = "served";
}

/** Its name has a hash of what is in it, as ManifestStaticFilesStorage and others write it. */
const isHashed = (asset: string): boolean =>
  /\.(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}\.[A-Za-z0-9]+$/.test(asset);
