/** Deploys of a rehearsal, and what must be true after each. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { DescribeFleetsCommand, DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { deployDocument } from "../../agent/site/documents/deploy-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import type { CommandOutcome, Rehearsal } from "./rehearsal.ts";
import type { Result, SwapStep } from "./result.ts";

const DEPLOY_SECONDS = 600;

/** What `everspot deploy` and `rollback` give as JSON. */
export interface DeployJson {
  result: string;
  release?: string;
  previous?: string;
  seconds: number;
  steps: SwapStep[];
  requests?: { total: number; failed: number };
}

/** Changes the project so that its next release is another one. */
export async function change(rehearsal: Rehearsal, mark: string): Promise<void> {
  const file = path.join(rehearsal.site.folder, "version.txt");
  await writeFile(file, `${mark}\n`);
}

/** Replaces text in a file of the project for as long as `run` takes. */
export async function withEdit<T>(
  rehearsal: Rehearsal,
  file: string,
  edit: (text: string) => string,
  run: () => Promise<T>,
): Promise<T> {
  const full = path.join(rehearsal.site.folder, file);
  const before = await readFile(full, "utf8");
  const after = edit(before);
  if (after === before) throw new EverspotError(`${file} is not as this scenario expects it`);
  await writeFile(full, after);
  try {
    return await run();
  } finally {
    await writeFile(full, before);
  }
}

export async function deploy(rehearsal: Rehearsal, args: readonly string[] = []): Promise<CommandOutcome> {
  rehearsal.moment(["everspot deploy", ...args].join(" "));
  const outcome = await rehearsal.cli(["deploy", ...args], DEPLOY_SECONDS);
  rehearsal.moment(`deploy exited with ${outcome.exitCode} after ${outcome.seconds} s`);
  return outcome;
}

/** `everspot deploy`, `rollback` or any other command, as the rehearsal's page shows it. */
export async function playCommand(rehearsal: Rehearsal, args: readonly string[]): Promise<CommandOutcome> {
  if (args[0] === "deploy") return deploy(rehearsal, args.slice(1));
  rehearsal.moment(["everspot", ...args].join(" "));
  return rehearsal.cli(args, DEPLOY_SECONDS);
}

/** One more of the result's deploys. */
export function noteDeploy(result: Result, name: string, { exitCode, seconds }: CommandOutcome): void {
  const outcome = exitCode === 0 ? "done" : "refused";
  result.deploys = [...(result.deploys ?? []), { name, exitCode, seconds, outcome }];
}

/** A deploy that must succeed; its steps. */
export async function mustDeploy(
  rehearsal: Rehearsal,
  args: readonly string[] = [],
): Promise<DeployJson & { began: number }> {
  const outcome = await deploy(rehearsal, args);
  if (outcome.exitCode !== 0) {
    throw new EverspotError(`everspot deploy exited with ${outcome.exitCode}`, {
      lines: outcome.lines.slice(-40),
    });
  }
  const done = outcome.json as DeployJson;
  // The steps count from when the command had started up.
  return { ...done, began: Date.now() - done.seconds * 1000 };
}

/** One instance, one owner, target 1, no candidate, no lock, and the release that is wanted. */
export async function checkInOrder(rehearsal: Rehearsal, when: string, release?: string): Promise<void> {
  const { cloud, store } = rehearsal;
  const ec2 = new EC2Client({ endpoint: cloud.endpoint, region: cloud.region });
  try {
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({}));
    const alive = (Reservations ?? [])
      .flatMap((r) => r.Instances ?? [])
      .filter((i) => i.State?.Name === "pending" || i.State?.Name === "running")
      .map((i) => i.InstanceId);
    const { Fleets } = await ec2.send(new DescribeFleetsCommand({}));
    const targets = (Fleets ?? [])
      .filter((f) => !f.FleetState?.startsWith("deleted"))
      .map((f) => f.TargetCapacitySpecification?.TotalTargetCapacity);
    const state = await rehearsal.state();
    const { value: channel } = await readDocument(store, channelDocument);
    const { value: lock } = await readDocument(store, deployDocument);
    rehearsal.check(
      alive.length === 1 && alive[0] === state?.owner,
      `${when}: one instance, which owns the site, but there are ${alive.join(", ")} and ${state?.owner} owns it`,
    );
    rehearsal.check(
      targets.join() === "1",
      `${when}: the fleet's target is 1, but it is ${targets.join(", ")}`,
    );
    rehearsal.check(
      channel?.candidate === undefined,
      `${when}: no candidate, but there is ${channel?.candidate?.id}`,
    );
    rehearsal.check(
      lock?.state !== "running",
      `${when}: no deploy is under way, but ${lock?.by} does (${lock?.step})`,
    );
    rehearsal.check(
      release === undefined || (channel?.current === release && state?.release === release),
      `${when}: ${release} is served, but it is ${state?.release} (current: ${channel?.current})`,
    );
  } finally {
    ec2.destroy();
  }
}

/** The steps of a boot's swap in place are over: the old app has ended, too. */
export async function untilQuiet(rehearsal: Rehearsal): Promise<void> {
  await poll(
    "the agent to be done",
    async () => {
      const boot = await rehearsal.boot(await rehearsal.owner());
      const running = boot?.steps.find((s) => s.state === "running");
      return running === undefined ? { done: true } : { waiting: running.name };
    },
    { seconds: 90, everySeconds: 0.5 },
  );
}
