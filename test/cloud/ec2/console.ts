import type { Machines } from "../machines.ts";
import { AwsError } from "../wire/errors.ts";
import type { Delays } from "./delays.ts";
import { isLive } from "./instance.ts";
import { isNitro } from "./instance-types.ts";
import type { Instances } from "./instances.ts";
import type { Handlers } from "./operations.ts";
import type { Place } from "./place.ts";

/** What EC2 keeps of a console (EC2 API Reference, GetConsoleOutput). */
const KEPT_BYTES = 64 * 1024;

/** Without `Latest`, which only Nitro knows, the answer is what there was at the last change of state. */
export function consoleHandlers(
  { jobs }: Place,
  instances: Instances,
  machines: Machines,
  delays: Delays,
): Handlers {
  return {
    GetConsoleOutput: async (input) => {
      const instance = instances.find(input.InstanceId);
      const latest = input.Latest === true;
      if (latest && !isNitro(instance.spec.type.name)) {
        throw new AwsError(
          "UnsupportedOperation",
          "This instance type does not support retrieving the latest console logs",
        );
      }
      const shown = latest
        ? jobs.clock.now() >= instance.launched.getTime() + delays.console
        : !isLive(instance);
      const output = shown
        ? Buffer.from(await machines.console(instance.id)).subarray(-KEPT_BYTES)
        : undefined;
      return {
        InstanceId: instance.id,
        Output: output === undefined || output.length === 0 ? undefined : output.toString("base64"),
        Timestamp: jobs.now(),
      };
    },
  };
}
