import { channelDocument, withdrawCandidate } from "../../agent/site/channel.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import type { DeployState } from "../../agent/site/documents/deploy-state.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { poll } from "../../agent/site/poll.ts";
import { type Applied, runActions } from "../apply/run.ts";
import type { Aws } from "../aws/connect.ts";
import type { Progress } from "../operator/terminal.ts";
import { describeRecovery, planRecovery, type RecoveryAction, type Scene } from "./recovery.ts";
import { lookAtScene } from "./scene.ts";

export interface RecoverOptions {
  clock: Clock;
  progress: Progress;
  /** Seconds a replaced instance forwards. */
  drain: number;
  signal?: AbortSignal;
}

/** Seconds for a new owner's records to settle (the agent's own limit), after which its claim counts for nothing. */
const CLAIM_SECONDS = 300;
/** Seconds for EC2 to show what was changed, or to finish another change. */
const PATIENCE = 60;
/** Seconds for an instance to take the site back from a successor that claimed it at the last moment. */
const OWNER_SECONDS = 120;

/** How often to check again whether a fleet that was changed has launched something meanwhile. */
const ROUNDS = 3;

/**
 * Brings the site back to one instance, one owner, target 1 and no candidate, whatever a deploy left and wherever it
 * was cut off. Safe to repeat. @returns what was done.
 */
export async function recover(
  aws: Aws,
  left: Pick<DeployState, "kind" | "release" | "old" | "before">,
  options: RecoverOptions,
): Promise<Applied[]> {
  const { clock, progress, drain, signal } = options;
  const applied: Applied[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const scene = await settledClaim(aws, left.old, options);
    const actions = planRecovery(left, scene, drain, clock.now());
    let changed = false;
    const unlessTaken = async (instances: readonly string[]): Promise<string | undefined> => {
      const owner = (await readDocument(aws.store, siteDocument)).value?.owner;
      changed = owner !== undefined && owner !== scene.site?.owner && instances.includes(owner);
      if (changed) return `not now: ${owner} has just taken the site over`;
      return void (await aws.instances.terminate(instances));
    };
    applied.push(
      ...(await runActions(actions, {
        describe: describeRecovery,
        execute: (action) => execute(aws, action, options, unlessTaken),
        progress,
        patience: PATIENCE,
        clock,
        signal,
      })),
    );
    if (actions.some((a) => a.do === "terminate")) await ownerServes(aws, options);
    // Between the look and the lower target the fleet may have launched one more.
    if (!actions.some((a) => a.do === "fleet") && !changed) break;
  }
  return applied;
}

/** A take-over under way is left to finish: what it began cannot be undone half-way. */
async function settledClaim(aws: Aws, old: string | undefined, options: RecoverOptions): Promise<Scene> {
  const deadline = options.clock.now() + CLAIM_SECONDS * 1000;
  for (;;) {
    const scene = await lookAtScene(aws);
    const { site } = scene;
    const claimer = scene.instances.find((i) => i.alive && i.id === site?.owner);
    const claiming = site?.state === "claiming" && claimer !== undefined && claimer.id !== old;
    if (!claiming || options.clock.now() >= deadline) return scene;
    await options.clock.sleep(1000, options.signal);
  }
}

async function execute(
  aws: Aws,
  action: RecoveryAction,
  { clock, signal }: RecoverOptions,
  terminate: (instances: readonly string[]) => Promise<string | undefined>,
): Promise<string | undefined> {
  switch (action.do) {
    case "withdraw":
      await updateDocument(
        aws.store,
        channelDocument,
        (channel) => channel && withdrawCandidate(channel, action.release),
        clock,
      );
      return;
    case "fleet":
      return void (await aws.fleets.change(action.fleet, action.change));
    case "drain":
      return void (await clock.sleep(Math.max(0, action.at - clock.now()), signal));
    case "terminate":
      return terminate(action.instances);
  }
}

/** The instance just terminated may have claimed the site a moment before; its predecessor takes it back. */
async function ownerServes(aws: Aws, { clock, signal }: RecoverOptions): Promise<void> {
  await poll(
    "an instance that has the site",
    async () => {
      const { site, instances } = await lookAtScene(aws);
      if (site === undefined) return { done: undefined };
      if (instances.some((i) => i.alive && i.id === site.owner)) return { done: undefined };
      return { waiting: `site.json names ${site.owner}, which is gone` };
    },
    {
      seconds: OWNER_SECONDS,
      everySeconds: 2,
      clock,
      hint: "`everspot status` shows who serves",
      signal,
    },
  );
}
