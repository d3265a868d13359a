import type { Logger } from "pino";
import type { JobsContext } from "../jobs/jobs.ts";
import type { RunContext } from "../jobs/run.ts";
import type { Machine } from "../machine/machine.ts";
import { ping } from "../notify/ping.ts";
import type { BootLog } from "../record/recorder.ts";
import { paths } from "../system/paths.ts";

/** What the operator's commands are run with. Their words are never logged: there may be a secret in them. */
export function runContext(
  { config, identity, store, clock, units, transient, disk, runSecrets, state, tryNotify }: Machine,
  recorder: BootLog,
  log: Logger,
  owned: () => { epoch: number; release: string } | undefined,
  job: RunContext["job"],
): RunContext {
  const { environment, runs, appSocket } = paths;
  return {
    ...{ instance: identity.instance, store, clock, units, owned, start: transient, secrets: runSecrets },
    tryNotify,
    places: { releases: disk.releases, environment, runs, appSocket },
    state: config.state?.durability === "s3" ? state : undefined,
    ...(job && { job }),
    tell: (text) => {
      recorder.event(text);
      log.info(text);
    },
  };
}

/** What jobs and workers are run with. */
export function jobsContext(
  { config, identity, store, clock, units, transient, lasting, disk, state, peers, alerts }: Machine,
  recorder: BootLog,
  log: Logger,
  owned: () => { epoch: number; release: string } | undefined,
  signal: AbortSignal,
): JobsContext {
  const { environment, appSocket } = paths;
  const tell = (text: string): void => {
    recorder.event(text);
    log.info(text);
  };
  return {
    ...{ instance: identity.instance, store, clock, units, owned, peers, signal, tell },
    ...{ start: transient, startLasting: lasting },
    places: { releases: disk.releases, environment, appSocket },
    state: config.state?.durability === "s3" ? state : undefined,
    seen: (workers) => recorder.change({ workers }),
    alarm: (about, text) => void alerts.raise({ kind: "job", about }, text),
    calm: (about, text) => void alerts.clear({ kind: "job", about }, text),
    ping: (url) => ping(url, clock, tell),
  };
}
