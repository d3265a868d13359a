/** What the agent does after the boot: watches, hands the site over and takes it back. */
import type { Logger } from "pino";
import type { Booted } from "../boot/boot.ts";
import { BringAlong } from "../handover/bring-along.ts";
import { InPlace } from "../handover/in-place.ts";
import { Role } from "../handover/role.ts";
import { hasJobs, Jobs } from "../jobs/jobs.ts";
import { Runs } from "../jobs/runs.ts";
import type { Machine } from "../machine/machine.ts";
import type { Peer } from "../ports/peers.ts";
import type { BootLog } from "../record/recorder.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { poll } from "../site/poll.ts";
import { paths } from "../system/paths.ts";
import { bellWatcher, quicker } from "../watch/bell.ts";
import { deployWatcher } from "../watch/deploy.ts";
import { describe } from "../watch/events.ts";
import { fenceWatcher } from "../watch/fence.ts";
import { healthWatcher } from "../watch/health.ts";
import { interruptionWatcher } from "../watch/interruption.ts";
import { Knock, knockAt } from "../watch/knock.ts";
import { type Watcher, watch } from "../watch/loop.ts";
import { maintenanceWatcher } from "../watch/maintenance.ts";
import { ownershipWatcher } from "../watch/ownership.ts";
import { pressureWatcher } from "../watch/pressure.ts";
import { react } from "../watch/react.ts";
import { appControl } from "../watchdog/app-control.ts";
import { Watchdog } from "../watchdog/watchdog.ts";
import { Outlook } from "./outlook.ts";
import { ownerDuties } from "./owner.ts";
import { reactionsOf } from "./reactions.ts";
import { jobsContext, runContext } from "./run-context.ts";

/** Whoever knocks is the reason to look; this is only how long one that was missed may go unseen. */
const KNOCK_SECONDS = 60;

/** Returns when the signal is aborted and nothing runs any more. @throws the signal's reason before it began. */
export async function onDuty(
  machine: Machine,
  recorder: BootLog,
  booted: Booted,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { clock, store } = machine;
  const { fleet } = await self(machine, signal);
  // Known before anything acts on it: records with a short TTL must not get a long one even for a moment.
  const outlook = new Outlook(await runningDeploy(store, clock).catch(() => undefined));

  const shown = { trusted: booted.trusted };
  const launches = fleet === undefined ? undefined : machine.launches;
  const role = new Role({
    ...{ machine, recorder, log, signal },
    ...{ launched: booted.launched, release: booted.release },
    handOverNear: () => outlook.handOverNear,
    fleet: fleet === undefined ? undefined : machine.fleet,
    duties: (release, term) => [
      ...ownerDuties({ machine, recorder, log, launches, shown }, release, term),
      ...(jobs === undefined || role.owned === undefined ? [] : [jobs.during(role.owned, term)]),
    ],
  });
  const owned = () => role.owned;
  const jobs = hasJobs(machine.config)
    ? new Jobs(machine.config, jobsContext(machine, recorder, log, owned, signal))
    : undefined;
  const here = { machine, recorder, log, signal, pauseJobs: async () => (await jobs?.pause()) ?? (() => {}) };
  const inPlace = new InPlace(here, role);
  const bringAlong = new BringAlong({
    ...here,
    owned: () => role.owned,
    // systemd starts it again.
    restart: () => process.kill(process.pid, "SIGTERM"),
  });
  const watchdog = new Watchdog({
    ...here,
    ...{ instance: machine.identity.instance, store, clock, notify: machine.notify },
    alerts: machine.alerts,
    replace:
      fleet === undefined
        ? undefined
        : () => {
            if (outlook.leave("sick")) role.needReplacement({ bridge: false, noticed: false });
          },
    owned: () => role.owned?.release,
    deploying: () => outlook.deploying,
    app: appControl(here, (release) => role.serves(release)),
  });

  const runs = new Runs(
    runContext(machine, recorder, log, owned, (name) => jobs?.job(name)),
    (message) => log.warn(message),
  );
  void runs.recover(signal);

  if (booted.epoch === undefined) role.standBy();
  else role.own(booted.epoch, booted.release, booted.ttl);
  tellOfBoot(booted, outlook, machine);

  const reactions = reactionsOf({ ...here, outlook, role, runs, inPlace, bringAlong, watchdog });
  const knock = machine.state && new Knock(clock);
  const silence = knock && (await knockAt(paths.askedSocket, knock));
  const watching = watch(watchers(machine, outlook, role, runs, jobs, knock), {
    ...{ clock, rounds: machine.rounds, signal },
    onEvent: async (event) => {
      log.info({ event: event.kind }, describe(event));
      recorder.event(describe(event));
      await react(event, reactions);
    },
    onTrouble: (watcher, message) => {
      if (message === undefined) log.info({ watcher }, "can look again");
      else log.warn({ watcher }, message);
    },
  });
  await Promise.all([
    watching,
    role.ended(),
    runs.ended(signal),
    inPlace.ended(),
    bringAlong.ended(),
    watchdog.ended(),
  ]);
  silence?.();
}

/** This instance, as EC2 has it. */
function self({ identity, peers, clock, rounds }: Machine, signal: AbortSignal): Promise<Peer> {
  const member = rounds.join("EC2 to know this instance");
  return poll(
    `EC2 to know ${identity.instance}`,
    async () => {
      const found = await peers.find(identity.instance).catch(() => undefined);
      return found === undefined ? { waiting: "no answer" } : { done: found };
    },
    { seconds: 3600, everySeconds: 5, clock: member.on(clock), signal },
  ).finally(() => member.leave());
}

const watchers = (
  { identity, store, state, clock, patience, metadata, host }: Machine,
  outlook: Outlook,
  role: Role,
  runs: Runs,
  jobs: Jobs | undefined,
  knock: Knock | undefined,
): Watcher[] => {
  const ownership = ownershipWatcher(store, identity.instance, state !== undefined);
  const maintenance = maintenanceWatcher(store, () => host.inMaintenance());
  return [
    bellWatcher(
      store,
      clock,
      [ownership, deployWatcher(store, clock), maintenance, runs, ...(jobs === undefined ? [] : [jobs])],
      () => quicker(outlook.pace, runs.pace),
    ),
    ...(knock === undefined ? [] : [{ name: "knock", everySeconds: KNOCK_SECONDS, knock, ...ownership }]),
    ...(state === undefined ? [] : [fenceWatcher(state)]),
    interruptionWatcher(metadata),
    pressureWatcher(),
    healthWatcher(async () => ((await role.isAway()) ? { ok: true, seen: "" } : host.ask()), patience),
  ];
};

/** What a person should know of a successful boot. */
function tellOfBoot(
  { replaced, epoch, trusted }: Booted,
  { deploying }: Outlook,
  { alerts, identity, notify }: Machine,
): void {
  if (epoch !== undefined)
    void alerts.clear({ kind: "boot-failed" }, `${identity.instance} has booted, and serves`);
  if (replaced !== undefined && !deploying) {
    void notify({ kind: "healed", text: `${identity.instance} took over from ${replaced} (epoch ${epoch})` });
  }
  if (!trusted) {
    const text = "there is no certificate that visitors trust: the site is served over plain HTTP";
    void alerts.raise({ kind: "certificate", about: "trust" }, text);
  }
}
