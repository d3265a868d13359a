/** One project of someone else, from a copy of its clone to a site that has been lost once and is there again. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../../agent/site/errors.ts";
import { vanish } from "../acts.ts";
import { onThis, Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import { checkOut, copyProject, type Given } from "./copy.ts";
import { leaveSilent } from "./indexes.ts";
import { errorIn, type Outcome, packingSeconds, Refused, refuse, warningsIn } from "./outcome.ts";
import { configure, init, keepBuilt, type Wanted } from "./prepare.ts";
import { type Admin, missing, visitSite } from "./visit.ts";

const UP_SECONDS = 900;
const DEPLOY_SECONDS = 900;
const HEAL_SECONDS = 300;
/** The Debian mirror and pip's index, as seen in the sandbox. */
const PIP_PROXY = "http://127.0.0.1:3142";

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
    ...{ project: name, result: "failed", asked: [], commands: [], attempts: 0, seconds: {} },
    ...{ notes: [], warnings: [], visits: [], problems: [] },
    ...(commit !== undefined && { commit: next === undefined ? commit : `${known?.commit} → ${next}` }),
  };
  const result: Result = { scenario: name, problems: [], boots: [], timeline: [], visitors: [] };
  // Some projects' users have a name, others an address: this is both.
  const admin = { user: "rehearsal@example.com", password: randomBytes(12).toString("hex") };
  let rehearsal: Rehearsal | undefined;
  let wanted: Wanted[] = [];
  try {
    rehearsal = await Rehearsal.start({
      ...{ result, say },
      env: { PIP_PROXY },
      prepare: async (cloud) => {
        const folder = path.join(directory, path.basename(given.folder));
        await copyProject(given, folder);
        for (const index of await leaveSilent(folder)) {
          outcome.notes.push(`${index}, which it names, does not answer from here`);
        }
        const how = { env: { ...cloud.env, PIP_PROXY }, say };
        wanted = await init(folder, outcome, known?.corrections ?? [], how);
        await keepBuilt(folder, known?.keep, outcome);
        return configure(folder, outcome, { admin, here: onThis(cloud), wanted, known });
      },
    });
    await setSecrets(rehearsal, wanted, known?.values);
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

/** What `init` asked for and cannot know. */
async function setSecrets(
  rehearsal: Rehearsal,
  wanted: readonly Wanted[],
  values: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (const { name } of wanted.filter((w) => w.secret)) {
    const input = values[name] ?? randomBytes(24).toString("hex");
    const done = await rehearsal.cli(["secret", "set", name], 60, {}, input);
    if (done.exitCode !== 0) throw new EverspotError(`secret set ${name}: ${errorIn(done.lines)}`);
  }
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
    const flaw = given.known?.flaw;
    const problems = visit.problems.filter((problem) => flaw?.found.test(problem) !== true);
    if (flaw !== undefined && problems.length < visit.problems.length) outcome.flaw = flaw.why;
    outcome.problems.push(...problems.map((problem) => `after ${after}: ${problem}`));
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
  if (given.known?.next !== undefined) {
    await checkOut(folder, given.known.next);
    await leaveSilent(folder);
  } else await writeFile(path.join(folder, "version.txt"), "another release\n");
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
