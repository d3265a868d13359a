/** What most scenarios do, and check, in the same way. */
import { stepLabel } from "../../agent/site/boot-record.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { Result } from "./result.ts";
import { failed } from "./sample.ts";
import type { Visitor } from "./visitors.ts";

const UP_SECONDS = 300;
/** Of a site whose instance is gone or reboots, at the most. */
const BACK_SECONDS = 180;

/** `everspot up`: from nothing to a site that answers over HTTPS. */
export async function runUp(rehearsal: Rehearsal, result: Result): Promise<void> {
  rehearsal.moment("everspot up");
  const mark = rehearsal.mark();
  const up = await rehearsal.cli(["up", "--yes"], UP_SECONDS);
  result.up = { seconds: up.seconds, writes: rehearsal.writes(mark).length };
  if (up.exitCode !== 0)
    throw new EverspotError(`everspot up exited with ${up.exitCode}`, { lines: up.lines.slice(-40) });
  rehearsal.moment(`up is done after ${up.seconds} s`);
}

/** `everspot up` on an unchanged site must not write. */
export async function runUpAgain(rehearsal: Rehearsal, result: Result): Promise<void> {
  const mark = rehearsal.mark();
  const again = await rehearsal.cli(["up", "--yes"], UP_SECONDS);
  const writes = rehearsal.writes(mark).filter((call) => call.by === "operator");
  result.upAgain = { writes: writes.length };
  rehearsal.check(again.exitCode === 0, "up on an unchanged site succeeds");
  rehearsal.check(
    writes.length === 0,
    `up on an unchanged site writes nothing, but it called ${writes.map((w) => w.operation).join(", ")}`,
  );
  rehearsal.moment(`up again: ${writes.length} writing calls, ${again.seconds} s`);
}

/** `everspot down --delete-data --delete-certificate` must leave nothing in the account but what was there before. */
export async function checkDown(rehearsal: Rehearsal, result: Result): Promise<void> {
  rehearsal.moment("everspot down");
  const down = await rehearsal.cli(["down", "--yes", "--delete-data", "--delete-certificate"], UP_SECONDS);
  rehearsal.check(down.exitCode === 0, `down succeeds, but it exited with ${down.exitCode}`);
  const leftovers = await rehearsal.leftovers();
  result.down = { leftovers };
  rehearsal.check(leftovers.length === 0, `down leaves nothing, but there is ${leftovers.join(", ")}`);
  rehearsal.moment("down is done");
}

/** The boots so far, oldest first. */
export async function recordBoots(rehearsal: Rehearsal, result: Result): Promise<void> {
  const records = await rehearsal.boots();
  result.boots = records.map((record) => ({
    instance: record.instance,
    seconds: Math.max(0, ...record.steps.map((s) => s.start + (s.seconds ?? 0))),
    steps: record.steps.map(({ phase, name, start, seconds, state, detail }) => ({
      name: stepLabel({ phase, name }),
      start,
      state,
      seconds,
      detail,
    })),
  }));
}

/** Waits until an entry that is written from now on is acknowledged. @param visitors of whom the first writes. */
export async function goesOn(
  rehearsal: Rehearsal,
  visitors: readonly Visitor[],
  when: string,
): Promise<void> {
  const since = Date.now();
  const first = await visitors[0]?.first(
    (s) => s.at > since && s.method === "POST" && !failed(s),
    BACK_SECONDS,
  );
  if (first === undefined) throw new Error(`${when} no entry is acknowledged within ${BACK_SECONDS} s`);
  const seconds = Math.round((first.at + first.milliseconds - since) / 10) / 100;
  rehearsal.moment(`${when} an entry is acknowledged ${seconds} s later`);
}

/** AWS takes the owner's machine at once, as when its host dies. @returns the instance that is gone. */
export async function vanish(rehearsal: Rehearsal): Promise<string> {
  const owner = await rehearsal.owner();
  rehearsal.moment(`AWS takes ${owner} without notice`);
  rehearsal.cloud.reclaimNow(owner);
  return owner;
}

/** The owner's machine switches itself off. @returns the instance that is gone. */
export async function switchOff(rehearsal: Rehearsal): Promise<string> {
  const owner = await rehearsal.owner();
  rehearsal.moment(`${owner} switches itself off`);
  await rehearsal.cloud.machines.exec(owner, "systemctl", ["--no-block", "poweroff"]);
  return owner;
}
