import type { Logger } from "pino";
import type { RunContext } from "../jobs/run.ts";
import type { Machine } from "../machine/machine.ts";
import type { BootLog } from "../record/recorder.ts";
import { paths } from "../system/paths.ts";

/** What commands of the operator's are run with. No word of theirs is told: there may be a secret in it. */
export function runContext(
  { identity, store, clock, units, transient, disk, runSecrets, tryNotify }: Machine,
  recorder: BootLog,
  log: Logger,
  owned: () => { epoch: number; release: string } | undefined,
): RunContext {
  const { environment, runs, appSocket } = paths;
  return {
    ...{ instance: identity.instance, store, clock, units, owned, start: transient, secrets: runSecrets },
    tryNotify,
    places: { releases: disk.releases, environment, runs, appSocket },
    tell: (text) => {
      recorder.event(text);
      log.info(text);
    },
  };
}
