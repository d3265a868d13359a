import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { checkDown, recordBoots, vanish } from "../acts.ts";
import { change, checkInOrder, deploy, mustDeploy } from "../deploys.ts";
import { buildEarlier } from "../earlier.ts";
import type { CommandOutcome, Rehearsal } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

/** The last whose boot records are of version 1. */
const BEFORE = "e8bcee44eed1c32206019a7faf7130beff670a72";
const DRAIN = 10;
const UP_SECONDS = 300;
const COMMAND_SECONDS = 60;
const DEPLOY_SECONDS = 600;
const HEAL_SECONDS = 180;

export const upgrade: Scenario = {
  name: "upgrade",
  about:
    "a site that an earlier everspot brought up: status, up, deploy, rollback, heal and down with this one",
  overrides: { dns: { drain: DRAIN } },
  async run(rehearsal, result) {
    const earlier = await buildEarlier(BEFORE);
    try {
      rehearsal.moment(`everspot up, as of ${BEFORE.slice(0, 7)}`);
      const up = await rehearsal.cliOf(earlier.cli, ["up", "--yes"], UP_SECONDS);
      must("up", up);
      result.up = { seconds: up.seconds, writes: 0 };
      const visitor = rehearsal.visit({ name: "every 50 ms" });
      if ((await visitor.first((s) => !failed(s), 30)) === undefined)
        throw new EverspotError("the site does not answer its visitor");

      await checkStatus(rehearsal, "an older instance", await rehearsal.cli(["status"], COMMAND_SECONDS));
      // What the site's bucket and role need by now is `up`'s to bring, and a deploy says so before it begins.
      await change(rehearsal, "second");
      const refused = await deploy(rehearsal);
      rehearsal.check(refused.exitCode === 1, "a deploy before `up` is refused");
      rehearsal.check(refused.lines.join("\n").includes("run `everspot up`"), "and says what comes first");
      rehearsal.moment("everspot up");
      must("up, of a site that is up", await rehearsal.cli(["up", "--yes"], UP_SECONDS));
      const deployed = await mustDeploy(rehearsal);
      result.swap = { seconds: deployed.seconds, steps: deployed.steps };
      await checkInOrder(rehearsal, "after the deploy", deployed.release);
      await checkStatus(rehearsal, "a new instance", await rehearsal.cli(["status"], COMMAND_SECONDS));
      const old = await rehearsal.cliOf(earlier.cli, ["status"], COMMAND_SECONDS);
      must("status, of the earlier everspot, of a new instance", old);

      rehearsal.moment("everspot rollback");
      must("rollback", await rehearsal.cli(["rollback"], DEPLOY_SECONDS));
      await checkInOrder(rehearsal, "after the rollback", deployed.previous);
      await rehearsal.pause(3);
      await visitor.stop();
      const lost = visitor.samples.filter(failed).length;
      result.figures = { requests: visitor.samples.length, "failed requests": lost };
      rehearsal.check(lost === 0, `no request fails, but ${lost} of ${visitor.samples.length} did`);

      const gone = await vanish(rehearsal);
      await rehearsal.bootOfOwner(gone, HEAL_SECONDS);
      await checkStatus(rehearsal, "a healed site", await rehearsal.cli(["status"], COMMAND_SECONDS));
      await checkInOrder(rehearsal, "after it healed", deployed.previous);
      await recordBoots(rehearsal, result);
      await checkDown(rehearsal, result);
    } finally {
      await earlier.remove();
    }
  },
};

function must(what: string, { exitCode, lines }: CommandOutcome): void {
  if (exitCode !== 0) throw new EverspotError(`${what} exited with ${exitCode}`, { lines });
}

/** The boot of the owner is read, whichever agent wrote it. */
async function checkStatus(rehearsal: Rehearsal, of: string, outcome: CommandOutcome): Promise<void> {
  must(`status of ${of}`, outcome);
  const { boot } = outcome.json as { boot?: BootRecord };
  const owner = await rehearsal.owner();
  rehearsal.check(
    boot?.instance === owner && boot.steps.some((s) => s.phase === "boot" && s.name === "ownership"),
    `status of ${of} tells of the boot of ${owner}, but it tells of ${boot?.instance ?? "none"}`,
  );
}
