import path from "node:path";
import { execa } from "execa";
import { readDocument } from "../../../agent/site/document.ts";
import { deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { checkDown, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, deploy } from "../deploys.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const CLI = path.resolve(import.meta.dirname, "../../../dist/everspot.mjs");

/** Beginnings of the names of a deploy's steps (undefined: what comes before it has the lock), and how long into each it is killed, in seconds. */
const kills: readonly { step: string | undefined; after: number }[] = [
  { step: undefined, after: 1 },
  { step: "compare", after: 0 },
  { step: "publish", after: 0.3 },
  { step: "launch", after: 0 },
  { step: "boot with", after: 0.5 },
  { step: "boot with", after: 10 },
  { step: "hand over", after: 0 },
  { step: "let ", after: 5 },
  { step: "one instance", after: 0 },
  { step: "check from outside", after: 0 },
];

const DEAD_SECONDS = 125;

export const killedDeploy: Scenario = {
  name: "killed-deploy",
  about: "a deploy ended by kill -9 at every step: no visitor notices, and one command recovers everything",
  overrides: { dns: { drain: 20 } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const crowd = await startCrowd(rehearsal);
    const began = Date.now();
    for (const [i, kill] of kills.entries()) {
      await change(rehearsal, `killed ${i}`);
      const at = await killAt(rehearsal, kill);
      // Once, the next deploy comes when the dead one counts as dead, without any abort.
      const args = i === 5 ? [] : ["--abort"];
      if (args.length === 0) await rehearsal.pause(DEAD_SECONDS);
      const after = await deploy(rehearsal, args);
      note(result, `killed at "${at}", then deploy ${args.join(" ")}`, after.exitCode, after.seconds);
      rehearsal.check(after.exitCode === 0, `killed at ${at}: one further command succeeds`);
      await checkInOrder(rehearsal, `killed at ${at}`);
    }
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    await checkDown(rehearsal, result);
  },
};

function note(result: Result, name: string, exitCode: number, seconds: number): void {
  const outcome = exitCode === 0 ? "in order" : "not in order";
  result.deploys = [...(result.deploys ?? []), { name, exitCode, seconds, outcome }];
}

/** Starts a deploy and ends it by SIGKILL inside a step, or where it is when it went past that. @returns the step. */
async function killAt(rehearsal: Rehearsal, { step, after }: (typeof kills)[number]): Promise<string> {
  rehearsal.moment(
    `everspot deploy, to be killed ${step === undefined ? "before it has the lock" : `at "${step}"`}`,
  );
  const { value: before } = await readDocument(rehearsal.store, deployDocument);
  const child = execa(process.execPath, [CLI, "deploy"], {
    cwd: rehearsal.site.folder,
    env: rehearsal.cloud.env,
    stdio: "ignore",
    reject: false,
  });
  let over = false;
  void child.then(() => {
    over = true;
  });
  while (step !== undefined) {
    const { value: lock } = await readDocument(rehearsal.store, deployDocument);
    if (lock?.id !== before?.id && lock?.step.startsWith(step)) break;
    if (over) {
      rehearsal.check(false, `the deploy to be killed at "${step}" came to its end before`);
      break;
    }
    await rehearsal.pause(0.02);
  }
  await rehearsal.pause(after);
  child.kill("SIGKILL");
  await child;
  const { value: lock } = await readDocument(rehearsal.store, deployDocument);
  if (step === undefined) {
    rehearsal.check(lock?.id === before?.id, "a deploy that is killed before it has the lock has not begun");
    return "before the lock";
  }
  rehearsal.moment(`killed; deploy.json says: ${lock?.state}, ${lock?.step}`);
  return lock?.step ?? step;
}
