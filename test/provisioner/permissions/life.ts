/** The whole life of a site, command by command, as one person plays it with one set of credentials. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { runBake } from "../../../provisioner/commands/bake.ts";
import { runCertificate } from "../../../provisioner/commands/certificate.ts";
import { runDataDrill } from "../../../provisioner/commands/data/drill.ts";
import { runDataFollow } from "../../../provisioner/commands/data/follow.ts";
import { runDataPull } from "../../../provisioner/commands/data/pull.ts";
import { runDataPush } from "../../../provisioner/commands/data/push.ts";
import { runDataRestore } from "../../../provisioner/commands/data/restore.ts";
import { runData } from "../../../provisioner/commands/data/show.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runDrill } from "../../../provisioner/commands/drill.ts";
import { runGithub } from "../../../provisioner/commands/github.ts";
import { runDoctor } from "../../../provisioner/commands/health/doctor.ts";
import { runNotifyTest } from "../../../provisioner/commands/health/notify.ts";
import { runHistory } from "../../../provisioner/commands/history.ts";
import { runJobs } from "../../../provisioner/commands/jobs.ts";
import { runLogs } from "../../../provisioner/commands/logs/logs.ts";
import { runMaintenance } from "../../../provisioner/commands/maintenance.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { runReleases } from "../../../provisioner/commands/releases.ts";
import { runRollback } from "../../../provisioner/commands/rollback.ts";
import { runRun } from "../../../provisioner/commands/run.ts";
import { runSecretList, runSecretSet, runSecretUnset } from "../../../provisioner/commands/secret.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import { createQuestions } from "../../../provisioner/operator/questions.ts";
import type { Tools } from "../../../provisioner/operator/tools.ts";
import { makeNotes } from "../data/site.ts";
import type { SwapSite } from "../deploy/swapping.ts";
import type { Desk } from "../site.ts";
import { MINIMAL } from "../site.ts";
import { others } from "./others.ts";

const up = { refreshImage: false, wait: true, timeout: 600 };
const looking = { renew: false, timeout: 60 };
const STATE = {
  ...{ database: ["db.sqlite3"], media: "media", mediaUrl: "/media/" },
  ...{ durability: "fast" as const, budget: 3, history: "7d", pause: 10 },
};
const drill = { maxDowntime: undefined, timeout: 600 };

/** The certificate of `source = "acm"`, as far as it has calls of its own. */
export async function lifeWithAcm({ config, tools }: Desk): Promise<void> {
  const here = { refreshImage: false, wait: false, timeout: 60 };
  await runPlan(config, tools, { refreshImage: false, pack: true });
  await runUp(config, tools, here);
  await runCertificate(config, tools, looking);
  await runUp({ ...config, aliases: [] }, tools, here);
  await runDown(config, tools, { deleteData: true, deleteCertificate: true });
}

/** What the site has written, moved in, looked at and moved out. */
async function lifeOfData(config: SiteConfig, tools: Tools): Promise<void> {
  const kept = { ...config, state: { ...STATE } };
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-life-"));
  const file = (name: string) => path.join(folder, name);
  const dryRun = false;
  try {
    await makeNotes(file("db.sqlite3"), 3);
    await mkdir(file("media"));
    await writeFile(file("media/a.jpg"), "a picture");
    const all = { file: file("db.sqlite3"), media: file("media"), force: false, dryRun };
    await runDataPush(kept, tools, all);
    await runData(kept, tools);
    await runDataPull(kept, tools, { ...all, file: file("out.sqlite3") });
    const follow = { file: file("copy.sqlite3"), every: 1, once: true, force: false, dryRun };
    await runDataFollow(kept, tools, follow);
    await makeNotes(file("db.sqlite3"), 3);
    await runDataPush(kept, tools, all);
    await runDataRestore(kept, tools, { to: "entry:19", dryRun });
    await runDataDrill(kept, tools);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Every command of the site, with what makes it call all that it ever calls. @param site that is not up yet. */
export async function wholeLife(site: SwapSite): Promise<void> {
  const { config, tools } = site;
  const meanwhile = others(site);
  const piped = (text: string) => ({
    ...tools,
    questions: createQuestions({
      yes: false,
      input: Object.assign(Readable.from([Buffer.from(text)]), {
        isTTY: false,
      }) as unknown as NodeJS.ReadStream,
    }),
  });
  const answering = {
    ...tools,
    probe: async () =>
      site.agents.alive.includes(site.owner() ?? "") ? { status: 200 } : { error: "ECONNREFUSED" },
  };
  const play = async (command: string, run: () => Promise<void>): Promise<void> => {
    await run().catch((error: unknown) => {
      throw new Error(`${command} failed`, { cause: error });
    });
  };
  const github = { repo: "ann/blog", withAgent: false };
  try {
    await play("plan, before there is anything", () =>
      runPlan(config, tools, { refreshImage: false, pack: true }),
    );
    await play("up, from nothing", () => site.up("the first"));
    await play("status", () => runStatus(config, tools));
    const notify = { url: "https://hooks.example/1", email: "ann@example.com" };
    const told = { ...config, notify, budget: { monthly: 10 } };
    await play("up, with mail and a budget", () => runUp(told, tools, up));
    site.cloud.sns.confirm("ann@example.com");
    await play("notify test", () => runNotifyTest(told, tools));
    await play("up, with mail to another", () =>
      runUp({ ...told, notify: { ...notify, email: "bob@example.com" } }, tools, up),
    );
    await play("doctor", () => runDoctor(told, tools, { project: true }));
    await play("up, without them", () => runUp(config, tools, { ...up, wait: false }));
    await play("maintenance on", () => runMaintenance(config, tools, { allow: [], page: undefined }, "on"));
    await play("maintenance off", () => runMaintenance(config, tools, { allow: [], page: undefined }, "off"));
    await play("logs", () => runLogs(config, tools, { follow: false, json: false }));
    await play("logs, of one release", () =>
      runLogs(config, tools, { follow: false, json: false, release: "r1" }),
    );
    await play("secret set", () => runSecretSet(config, piped("one"), "ONE"));
    await play("secret set, again", () => runSecretSet(config, piped("two"), "ONE"));
    await play("secret set, another", () => runSecretSet(config, piped("other"), "OTHER"));
    await play("manage createsuperuser", async () => {
      site.agents.commands.begins = (one) => one.end(0);
      const superuser = { command: "manage" as const, words: ["createsuperuser", "--username", "ann"] };
      await runRun(config, piped("a password"), { ...superuser, json: false, timeout: 60 });
    });
    await play("jobs", async () => {
      const { schedule } = parseConfig(
        `${MINIMAL}[schedule.nightly]\nrun = "true"\nat = "daily"\n`,
        config.file,
      );
      await runJobs({ ...config, schedule }, tools);
    });
    await play("secret list", () => runSecretList(config, tools));
    await play("secret unset", () => runSecretUnset(config, tools, "OTHER"));
    await play("deploy", () => site.deploy("the second"));
    await meanwhile.oldReleases();
    await play("deploy --in-place", () => site.deploy("the third", { inPlace: true }));
    await play("rollback", () => runRollback(config, tools, { id: undefined, inPlace: false, timeout: 600 }));
    await play("deploy, of what was superseded", () => site.deploy("the second"));
    await play("releases", () => runReleases(config, tools));
    await play("history", () => runHistory(config, tools, { html: undefined }));
    await play("certificate", () => runCertificate(config, tools, looking));
    await meanwhile.issued();
    await play("certificate --renew", async () => {
      const waiting = runCertificate(config, tools, { renew: true, timeout: 5 });
      await waiting.catch((error: Error) => {
        if (!/not after 5 s/.test(error.message)) throw error;
      });
    });
    await play("bake", () => runBake(config, tools, { remove: false }));
    await play("deploy --bake, with a new configuration", async () => {
      config.app.workers = 3;
      await site.deploy("the fourth", { bake: true });
    });
    await play("bake --remove", () => runBake(config, tools, { remove: true }));
    await play("up, with other types and a dearest price", async () => {
      config.fleet = { ...config.fleet, types: ["t3.small"], maxPrice: 0.02 };
      await runUp(config, tools, up);
    });
    meanwhile.rigid(true);
    await play("up, where no fleet takes another template", async () => {
      const { disk } = config.fleet;
      config.fleet.disk = disk + 1;
      const refused = runUp(config, tools, up).then(() => Promise.reject(new Error("nothing was refused")));
      await refused.catch((error: Error) => {
        if (!/nothing was changed/.test((error as EverspotError).hint ?? "")) throw error;
      });
      config.fleet.disk = disk;
    });
    meanwhile.rigid(false);
    await play("github", () => runGithub(config, tools, github));
    await meanwhile.provider();
    await play("github --with-agent, for an environment", () =>
      runGithub(config, tools, { ...github, environment: "production", withAgent: true }),
    );
    await play("data", () => lifeOfData(config, answering));
    await play("drill", () => runDrill(config, answering, { ...drill, terminate: false }));
    await play("drill --terminate", () => runDrill(config, answering, { ...drill, terminate: true }));
    await meanwhile.spoilt();
    await play("up, of what was changed by hand", () => runUp(config, tools, up));
    await meanwhile.spoiltProfile();
    await play("up, with another role in the profile", () => runUp(config, tools, up));
    await meanwhile.silent();
    await play("status, of an instance without a word", () => runStatus(config, tools));
    await play("deploy --abort", () => site.deploy("", { abort: true }));
    await meanwhile.looseDisk();
    await meanwhile.inTheWay();
    await play("down, with something in the way", async () => {
      await runDown(config, tools, { deleteData: false }).then(
        () => Promise.reject(new Error("nothing was in the way")),
        () => undefined,
      );
    });
    await meanwhile.outOfTheWay();
    await play("down", () => runDown(config, tools, { deleteData: false }));
    await play("up, of a site that was there before", () => runUp(config, tools, up));
    await meanwhile.mirrored();
    await play("down --delete-data", () => runDown(config, tools, { deleteData: true }));
  } finally {
    meanwhile.close();
  }
}
