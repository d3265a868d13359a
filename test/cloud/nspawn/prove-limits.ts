import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { Group } from "./group.ts";

/** Of one processor, as a t3.micro has without credits. */
const LIMIT = 0.2;
const BURN_SECONDS = 0.5;
/** Half of what the limit makes of it leaves room for a first period that was not used up. */
const AT_LEAST = (BURN_SECONDS / LIMIT) * 0.5;

/** @throws EverspotError when a limit on processor time has no effect here: burns some, and looks at the clock. */
export async function proveLimits(sandbox: Sandbox): Promise<void> {
  const group = new Group(sandbox.cgroups, "limits");
  await group.create(undefined);
  try {
    await group.limit(LIMIT);
    const burn = `use POSIX; 1 until (POSIX::times())[1] + (POSIX::times())[2] >= ${BURN_SECONDS * 100};`;
    const program = path.join(import.meta.dirname, "in-groups.sh");
    const began = performance.now();
    await execa("bash", [program, ...group.directories, "--", "perl", "-e", burn]);
    const seconds = (performance.now() - began) / 1000;
    if (seconds < AT_LEAST) {
      throw new EverspotError(
        `${BURN_SECONDS} s of processor time took ${seconds.toFixed(2)} s on a machine held to ${LIMIT} of a processor`,
        {
          hint: "no control group limits processor time here (cpu.max, or cpu.cfs_quota_us): CPU credits cannot be played",
        },
      );
    }
  } finally {
    await group.remove();
  }
}
