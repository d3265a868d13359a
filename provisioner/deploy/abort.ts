import { readDocument } from "../../agent/site/document.ts";
import { deployDocument } from "../../agent/site/documents/deploy-state.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { abandoned, keepDeploy } from "../history/deploys.ts";
import type { Tools } from "../operator/tools.ts";
import { takeLock } from "./lock.ts";
import { recover } from "./recover.ts";
import { lookAtScene, requireFleet } from "./scene.ts";

/**
 * `everspot deploy --abort`: takes the lock from whoever has it and recovers what is left: forward where the site was
 * handed over already, backward elsewhere.
 */
export async function runAbort(config: SiteConfig, tools: Tools, aws: Aws): Promise<void> {
  const { terminal, clock } = tools;
  await requireFleet(aws, config.site);
  const { value: running } = await readDocument(aws.store, deployDocument);
  if (running?.state !== "running") {
    const { fleets, instances } = await lookAtScene(aws);
    const fleet = fleets.find((f) => !f.bridge);
    const alive = instances.filter((i) => i.alive).map((i) => i.id);
    terminal.json({
      command: "deploy",
      aborted: false,
      actions: [],
      instances: alive,
      target: fleet?.target,
    });
    terminal.print("nothing is being deployed");
    return;
  }
  const taken = await takeLock(aws.store, {
    kind: running.kind,
    by: tools.holder,
    step: `recover what ${running.by} left`,
    clock,
    force: true,
  });
  const { lock } = taken;
  try {
    const left = taken.leftover ?? running;
    terminal.say(`stopped the deploy of ${left.by}, begun at ${left.started} (at: ${left.step})`);
    await keepDeploy(aws.store, abandoned(left), terminal);
    const actions = await recover(aws, left, {
      clock,
      progress: terminal,
      drain: config.dns.drain,
      signal: AbortSignal.any([lock.lost, tools.interrupted()]),
    });
    await lock.end("aborted", `aborted by ${tools.holder}`);
    const { fleets, instances } = await lookAtScene(aws);
    const fleet = fleets.find((f) => !f.bridge);
    const alive = instances.filter((i) => i.alive).map((i) => i.id);
    terminal.json({
      command: "deploy",
      aborted: true,
      holder: { by: left.by, started: left.started, heartbeat: left.heartbeat, step: left.step },
      actions,
      instances: alive,
      target: fleet?.target,
    });
    terminal.print(
      `${terminal.style.green("✓")} in order: ${alive.join(", ") || "no instance"}, target ${fleet?.target}`,
    );
  } finally {
    await lock.stop();
  }
}
