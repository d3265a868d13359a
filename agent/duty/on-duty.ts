/** What the agent does from the end of the boot on: watches, and hands the site over and takes it back. */
import type { Logger } from "pino";
import type { Booted } from "../boot/boot.ts";
import { renewIfDue } from "../certificate/ensure.ts";
import { unserved } from "../certificate/unserved.ts";
import type { Agent } from "../compose.ts";
import { InPlace, type InPlaceContext } from "../handover/in-place.ts";
import { Role } from "../handover/role.ts";
import { ensureImage } from "../handover/stock-image.ts";
import { ensureAppUser } from "../isolation/app-user.ts";
import type { Machine } from "../machine/machine.ts";
import type { Launches } from "../ports/launches.ts";
import type { BootRecorder } from "../record/recorder.ts";
import { appMachine } from "../serving/app-machine.ts";
import { askHealth } from "../serving/health.ts";
import { renewNginx } from "../serving/nginx.ts";
import { probeSite } from "../serving/probe.ts";
import { servedSerial } from "../serving/served-serial.ts";
import { siteNginx } from "../serving/site-nginx.ts";
import { messageOf } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import type { DeployState } from "../site/records.ts";
import { runningDeploy } from "../site/running-deploy.ts";
import { paths } from "../system/paths.ts";
import { deployWatcher } from "../watch/deploy.ts";
import { describe } from "../watch/events.ts";
import { healthWatcher } from "../watch/health.ts";
import { interruptionWatcher } from "../watch/interruption.ts";
import { watch } from "../watch/loop.ts";
import { ownershipWatcher } from "../watch/ownership.ts";
import { pressureWatcher } from "../watch/pressure.ts";
import { type Reactions, react } from "../watch/react.ts";
import { appControl } from "../watchdog/app-control.ts";
import { Watchdog } from "../watchdog/watchdog.ts";
import { keepCertificate, keepLaunchable, keepLayers, soak } from "./duties.ts";

/** Seconds before AWS takes the instance at which the record is written for the last time. */
const LAST_WORDS = 5;
/** An app that is switched to was seen healthy already: what the front door adds to that shows at once. */
const PROBE_SECONDS = 3;

/** Returns when the signal is aborted and nothing runs any more. */
export async function onDuty(
  { machine, recorder, certificates, fleet, launches }: Agent,
  booted: Booted,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { config, clock, candidates, units, store, metadata, peers, notify } = machine;
  const { identity, launched } = booted;
  const ask = () => askHealth(paths.socket, config.app.health, config.domain);
  const showing = () => servedSerial(identity.privateAddress, config.domain);
  const peer = await poll(
    `EC2 to know ${identity.instance}`,
    async () => {
      const found = await peers.find(identity.instance).catch(() => undefined);
      return found === undefined ? { waiting: "no answer" } : { done: found };
    },
    { seconds: 3600, everySeconds: 5, clock, signal },
  );

  // Known before anything acts on it: records that are easy to move must not be made lasting for a moment.
  let deploy: DeployState | undefined = await runningDeploy(store, clock).catch(() => undefined);
  let leaving: "sick" | "rebalance" | "interruption" | undefined;
  const handOverNear = () => leaving !== undefined || deploy?.kind === "swap";

  const told = (text: string) => {
    log.info(text);
    recorder.event(text);
  };
  const keepImage = (of: Launches, term: AbortSignal) =>
    keepLaunchable(
      () =>
        ensureImage({
          store,
          launches: of,
          deploying: async () => (await runningDeploy(store, clock)) !== undefined,
        }),
      (text) => {
        recorder.warn(text);
        recorder.event(text);
        void notify({ kind: "image", text });
      },
      clock,
      log,
      term,
    );

  const role = new Role({
    ...{ machine, identity, launched, recorder, log, signal, handOverNear },
    fleet: peer.fleet === undefined ? undefined : fleet(peer.fleet),
    healthy: async () => (await ask()).ok,
    duties: (release, term) => [
      ...(peer.fleet === undefined ? [] : [keepImage(launches(peer.fleet), term)]),
      keepLayers(machine.packages(identity), told, clock, log, term),
      soak(release, candidates, ask, clock, log, term),
      keepCertificate(
        async () => {
          const renewed = await renewIfDue(certificates(identity)).catch((error: unknown) => {
            void notify({ kind: "certificate", text: `the certificate: ${messageOf(error)}` });
            throw error;
          });
          await machine.packages(identity).keep();
          return renewed ?? unserved(certificates(identity), showing);
        },
        async (renewed) => {
          const hurry = recorder.value?.certificate?.source === "self-signed";
          recorder.certificate(renewed);
          const text = siteNginx(config, identity.privateAddress, renewed);
          const next = { file: paths.nginxConfig, config: text, marker: paths.closing, hurry };
          await renewNginx(units, next, clock, term);
        },
        clock,
        log,
        term,
      ),
    ],
  });
  const here: InPlaceContext = {
    ...{ machine, identity, recorder, log, signal },
    app: async () => appMachine(config, units, await ensureAppUser()),
    probe: (until) =>
      probeSite(
        { address: identity.privateAddress, domain: config.domain, path: config.app.health },
        PROBE_SECONDS,
        until,
      ),
  };
  const inPlace = new InPlace(here, role);
  const watchdog = new Watchdog({
    ...{ instance: identity.instance, store, clock, recorder, log, signal, notify },
    replace:
      peer.fleet === undefined
        ? undefined
        : () => {
            if (leaving !== undefined) return;
            leaving = "sick";
            role.needReplacement({ bridge: false, noticed: false });
          },
    owned: () => role.owned?.release,
    deploying: () => deploy !== undefined,
    app: appControl(here, (release) => role.serves(release)),
  });

  if (booted.epoch === undefined) role.standBy();
  else role.own(booted.epoch, booted.release, booted.ttl);

  tellOfBoot(booted, deploy, machine, recorder);

  const reactions: Reactions = {
    interruption: ({ time }) => {
      leaving = "interruption";
      role.needReplacement({ bridge: config.fleet.bridge, noticed: true });
      void clock
        .sleep(Math.max(0, time - clock.now() - LAST_WORDS * 1000), signal)
        .then(() => recorder.event("AWS takes this instance now"))
        .catch(() => undefined);
    },
    rebalance: () => {
      if (leaving === "interruption" || leaving === "rebalance") return;
      leaving = "rebalance";
      role.needReplacement({ bridge: false, noticed: true });
    },
    replaced: (event) => role.standBy(event),
    "app-failing": ({ seconds, seen }) => {
      void watchdog.failing(seconds, seen);
    },
    "app-recovered": () => watchdog.recovered(),
    deploy: ({ running }) => {
      deploy = running;
      if (running !== undefined) inPlace.begin(running);
    },
  };
  const watching = watch(
    [
      ownershipWatcher(store, identity.instance, handOverNear),
      interruptionWatcher(metadata),
      deployWatcher(store, clock),
      pressureWatcher(),
      healthWatcher(ask, clock),
    ],
    {
      clock,
      signal,
      onEvent: async (event) => {
        log.info({ event: event.kind }, describe(event));
        recorder.event(describe(event));
        await react(event, reactions);
      },
      onTrouble: (watcher, message) => {
        if (message === undefined) log.info({ watcher }, "can look again");
        else log.warn({ watcher }, message);
      },
    },
  );
  await Promise.all([watching, role.ended(), inPlace.ended(), watchdog.ended()]);
}

/** What a person should know of a boot that went well. */
function tellOfBoot(
  { identity, replaced, epoch }: Booted,
  deploy: DeployState | undefined,
  { notify }: Machine,
  recorder: BootRecorder,
): void {
  if (replaced !== undefined && deploy === undefined) {
    void notify({ kind: "healed", text: `${identity.instance} took over from ${replaced} (epoch ${epoch})` });
  }
  if (recorder.value?.certificate?.source === "self-signed") {
    void notify({
      kind: "certificate",
      text: "there is no certificate that visitors trust, plain HTTP serves",
    });
  }
}
