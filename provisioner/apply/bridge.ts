import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Aws } from "../aws/connect.ts";
import { hasCode } from "../aws/errors.ts";
import type { Launch } from "../aws/fleets.ts";

/** How long, and how often, it is looked for what such a fleet launched before its target was 0. */
const LOOKS = 6;
const EVERY_MS = 3_000;

/** Codes by which EC2 would refuse a target (EC2 API Reference, "Error codes"); that of 0 is not documented. */
const REFUSED = [
  "InvalidTargetCapacitySpecification",
  "InvalidParameterValue",
  "InvalidParameter",
  "InvalidFleetConfig",
];

/**
 * Makes the fleet that can bridge a lack of spot capacity, empty. AWS documents that a fleet's target can be set to 0
 * (EC2 User Guide, "Modify an EC2 Fleet"), not that it can begin with 0: where that is refused, it begins with 1, and
 * what it launched is ended at once. A site without it is a site all the same.
 * @param token of one try to make it, by what tells it from others. @returns its id, or why there is none.
 */
export async function makeBridge(
  { fleets, instances }: Pick<Aws, "fleets" | "instances">,
  launch: Launch,
  token: (kind: string) => string,
  ceiling: number | undefined,
  clock: Clock,
): Promise<string> {
  try {
    return await fleets.create(launch, token("bridge"), "bridge", ceiling);
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  try {
    const id = await fleets.create(launch, token("bridge, not empty"), "bridge", ceiling, 1);
    await fleets.change(id, { total: 0 });
    for (let look = 0; look < LOOKS; look++) {
      const launched = (await instances.look()).filter((i) => i.alive && i.fleet === id).map((i) => i.id);
      if (launched.length > 0) await instances.terminate(launched);
      await clock.sleep(EVERY_MS);
    }
    return id;
  } catch (error) {
    if (!isRefused(error)) throw error;
    return `AWS makes none, so no on-demand instance will bridge a lack of spot capacity: ${error.message}`;
  }
}

const isRefused = (error: unknown): error is EverspotError =>
  error instanceof EverspotError && hasCode(error.cause, ...REFUSED);
