/** What an instance on duty does about each thing it notices. */
import type { BringAlong } from "../handover/bring-along.ts";
import type { InPlace } from "../handover/in-place.ts";
import type { Role, Successor } from "../handover/role.ts";
import { stopSeconds } from "../jobs/jobs.ts";
import type { Runs } from "../jobs/runs.ts";
import type { Machine } from "../machine/machine.ts";
import type { BootLog } from "../record/recorder.ts";
import type { Reactions } from "../watch/react.ts";
import type { Watchdog } from "../watchdog/watchdog.ts";
import type { Outlook } from "./outlook.ts";

/** Seconds before AWS takes the instance when the boot record is written for the last time. */
const LAST_WORDS = 5;
/** Seconds before, when what a site with state has written is sealed, whoever comes next. */
const SEAL_BEFORE = 10;

/** Seconds before that, besides the time that they have to end, when jobs and workers are asked to. */
const JOBS_BEFORE = 5;

export interface OnWatch {
  machine: Machine;
  recorder: BootLog;
  signal: AbortSignal;
  outlook: Outlook;
  role: Role;
  runs: Runs;
  inPlace: InPlace;
  bringAlong: BringAlong;
  watchdog: Watchdog;
  /** Ends jobs and workers, each in its time, and begins none. */
  pauseJobs(): Promise<unknown>;
}

export function reactionsOf({
  machine,
  recorder,
  signal,
  outlook,
  role,
  runs,
  inPlace,
  bringAlong,
  watchdog,
  pauseJobs,
}: OnWatch): Reactions {
  const { config, clock, logs } = machine;
  const away = (how: string, to?: Successor): void => {
    runs.interrupt(how);
    role.standBy(to);
  };
  return {
    interruption: ({ time }) => {
      outlook.leave("interruption");
      logs.hurry();
      role.needReplacement({ bridge: config.fleet.bridge, noticed: true });
      const jobs = SEAL_BEFORE + stopSeconds(config) + JOBS_BEFORE;
      void clock
        .sleep(Math.max(0, time - clock.now() - jobs * 1000), signal)
        .then(pauseJobs)
        .catch(() => undefined);
      void clock
        .sleep(Math.max(0, time - clock.now() - SEAL_BEFORE * 1000), signal)
        .then(() => role.closes())
        .catch(() => undefined);
      void clock
        .sleep(Math.max(0, time - clock.now() - LAST_WORDS * 1000), signal)
        .then(() => recorder.event("AWS takes this instance now"))
        .catch(() => undefined);
    },
    rebalance: () => {
      if (outlook.leave("rebalance")) role.needReplacement({ bridge: false, noticed: true });
    },
    replaced: (event) => away(`${event.by} took the site over`, event),
    claimed: (event) => away(`${event.by} takes the site over`, event),
    // Whoever that is has the site, says so in site.json, and may be open by now.
    fenced: () => away("another instance has the site"),
    maintenance: ({ state }) => machine.host.maintain(state),
    "app-failing": ({ seconds, seen }) => {
      void watchdog.failing(seconds, seen);
    },
    "app-recovered": () => watchdog.recovered(),
    deploy: ({ running }) => {
      outlook.deploys(running);
      if (running === undefined) return;
      inPlace.begin(running);
      bringAlong.begin(running);
    },
  };
}
