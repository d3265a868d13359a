import { readDocument } from "../../../agent/site/document.ts";
import { type DeployState, deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { poll } from "../../../agent/site/poll.ts";
import { checkDown, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, type DeployJson, deploy } from "../deploys.ts";
import type { CommandOutcome, Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** Longer than the TTL of 5 s that every visitor here honours. */
const DRAIN = 7;

export const twoDeploys: Scenario = {
  name: "two-deploys",
  about: "two deploys at the same moment: one proceeds, the other learns who is deploying and since when",
  overrides: { dns: { drain: DRAIN } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const crowd = await startCrowd(rehearsal, 1);
    const began = Date.now();
    await change(rehearsal, "wanted by both");
    const both = [deploy(rehearsal), deploy(rehearsal)];
    const holder = await untilBoots(rehearsal);
    rehearsal.moment("a third one, in place, while the first is under way");
    const third = await rehearsal.cli(["deploy", "--in-place"], 60);
    checkRefused(rehearsal, "the third", third, holder);

    const outcomes = await Promise.all(both);
    const [winner, ...more] = outcomes.filter((o) => o.exitCode === 0);
    const [loser] = outcomes.filter((o) => o.exitCode !== 0);
    rehearsal.check(winner !== undefined && more.length === 0, "one of two deploys at once proceeds");
    if (loser !== undefined) checkRefused(rehearsal, "the second", loser, holder);
    result.deploys = [...outcomes, third].map((o, i) => ({
      name: ["one", "the other", "in place meanwhile"][i] ?? "",
      exitCode: o.exitCode,
      seconds: o.seconds,
      outcome: reasonOf(o) ?? "done",
    }));
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    await checkInOrder(rehearsal, "after both", (winner?.json as DeployJson | undefined)?.release);
    noteSwap(result, winner);
    await checkDown(rehearsal, result);
  },
};

/** The deploy that proceeds, once its instance is coming up. */
const untilBoots = (rehearsal: Rehearsal): Promise<DeployState> =>
  poll(
    "a deploy to launch an instance",
    async () => {
      const { value: lock } = await readDocument(rehearsal.store, deployDocument);
      const boots = lock?.state === "running" && lock.step.startsWith("boot with");
      return boots ? { done: lock } : { waiting: lock?.step ?? "no lock" };
    },
    { seconds: 60, everySeconds: 0.2 },
  );

const reasonOf = (outcome: CommandOutcome): string | undefined =>
  outcome.lines.find((line) => line.includes("has been deploying since"));

function checkRefused(
  rehearsal: Rehearsal,
  which: string,
  outcome: CommandOutcome,
  { by, started }: DeployState,
): void {
  rehearsal.check(outcome.exitCode === 1, `${which} ends with 1, not ${outcome.exitCode}`);
  rehearsal.check(
    reasonOf(outcome)?.includes(`${by} has been deploying since ${started} (`) === true,
    `${which} learns that it is ${by}, since ${started}, but it got ${outcome.lines.join("\n")}`,
  );
}

function noteSwap(result: Result, winner: CommandOutcome | undefined): void {
  const done = winner?.json as DeployJson | undefined;
  if (done !== undefined) result.swap = { seconds: done.seconds, steps: done.steps };
}
