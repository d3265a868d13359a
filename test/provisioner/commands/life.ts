import { runBake } from "../../../provisioner/commands/bake.ts";
import { runCertificate } from "../../../provisioner/commands/certificate.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runDrill } from "../../../provisioner/commands/drill.ts";
import { runGithub } from "../../../provisioner/commands/github.ts";
import { runDoctor } from "../../../provisioner/commands/health/doctor.ts";
import { runNotifyTest } from "../../../provisioner/commands/health/notify.ts";
import { runHistory } from "../../../provisioner/commands/history.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { runReleases } from "../../../provisioner/commands/releases.ts";
import { runRollback } from "../../../provisioner/commands/rollback.ts";
import { runRun } from "../../../provisioner/commands/run.ts";
import { runSecretList, runSecretSet, runSecretUnset } from "../../../provisioner/commands/secret.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { MINIMAL } from "../site.ts";

/** Every command once, in the order in which a site's life has them; those after `up` find what it made. */
export const life: Readonly<Record<string, (site: SwapSite) => Promise<void>>> = {
  plan: ({ config, tools }) => runPlan(config, tools, { refreshImage: false, pack: false }),
  up: (site) => site.up("first"),
  "up, changed": ({ config, tools }) => {
    const more = `${MINIMAL}[fleet]\nbridge = true\ndisk = 9\n`;
    return runUp(parseConfig(more, config.file), tools, { refreshImage: false, wait: false, timeout: 600 });
  },
  status: ({ config, tools }) => runStatus(config, tools),
  "up, with mail and a budget": async ({ config, tools }) => {
    await runUp(mailing(config, "bob@example.com"), tools, toldLater);
    await runUp(mailing(config), tools, toldLater);
  },
  "status, with mail and a budget": ({ config, tools }) => runStatus(mailing(config), tools),
  doctor: ({ config, tools }) => runDoctor(mailing(config), tools, { project: true }),
  "notify test": ({ config, tools }) => runNotifyTest(mailing(config), tools),
  "up, without them": ({ config, tools }) => runUp(config, tools, toldLater),
  "secret set": ({ config, tools }) => runSecretSet(config, asked(tools), "KEY"),
  "secret list": ({ config, tools }) => runSecretList(config, tools),
  run: async ({ config, tools, agents }) => {
    agents.commands.begins = (one) => one.end(0);
    await runRun(config, tools, { command: "run", words: ["true"], json: false, timeout: 60 });
  },
  "secret unset": ({ config, tools }) => runSecretUnset(config, tools, "KEY"),
  github: ({ config, tools }) => runGithub(config, tools, { repo: "ann/blog", withAgent: true }),
  deploy: (site) => site.deploy("second"),
  "deploy in place": (site) => site.deploy("third", { inPlace: true }),
  rollback: ({ config, tools }) =>
    runRollback(config, tools, { id: undefined, inPlace: false, timeout: 600 }),
  releases: ({ config, tools }) => runReleases(config, tools),
  certificate: ({ config, tools }) => runCertificate(config, tools, { renew: false, timeout: 60 }),
  bake: ({ config, tools }) => runBake(config, tools, { remove: false }),
  "bake, removed": ({ config, tools }) => runBake(config, tools, { remove: true }),
  drill: (site) => drill(site, true),
  "drill with notice": (site) => drill(site, false),
  history: ({ config, tools }) => runHistory(config, tools, { html: undefined }),
  down: ({ config, tools }) => runDown(config, tools, { deleteData: true }),
};

const toldLater = { refreshImage: false, wait: false, timeout: 600 };
const mailing = (config: SwapSite["config"], email = "ann@example.com"): SwapSite["config"] => ({
  ...config,
  notify: { url: "https://hooks.example/1", email },
  budget: { monthly: 10 },
});

const asked = (tools: SwapSite["tools"]): SwapSite["tools"] => ({
  ...tools,
  questions: { ...tools.questions, secret: async () => "a value" },
});

function drill({ config, tools, agents, owner }: SwapSite, terminate: boolean): Promise<void> {
  const probe = async () => (agents.alive.includes(owner() ?? "") ? { status: 200 } : { error: "refused" });
  return runDrill(config, { ...tools, probe }, { terminate, maxDowntime: undefined, timeout: 600 });
}

/** A site before its first `up`. */
export const beforeLife = (): Promise<SwapSite> => openSwapSite({ down: true, drain: 1 });
