/** What a site's owner does besides serving it, from taking the site over until handing it on. */
import type { Logger } from "pino";
import { renewIfDue } from "../certificate/ensure.ts";
import { installedIsLate } from "../certificate/installed.ts";
import { unserved } from "../certificate/unserved.ts";
import { ensureImage } from "../handover/stock-image.ts";
import type { Machine } from "../machine/machine.ts";
import type { Alerts } from "../notify/alerts.ts";
import type { Launches } from "../ports/launches.ts";
import type { StateKeeper } from "../ports/state.ts";
import type { BootLog } from "../record/recorder.ts";
import type { Clock } from "../site/clock.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { messageOf } from "../site/errors.ts";
import { drillWeekly } from "./drill.ts";
import { keepCertificate, keepLaunchable, keepLayers, soak } from "./duties.ts";
import { watchImageAge } from "./image-age.ts";
import { watchKeeping } from "./keeping.ts";
import { watchOver } from "./watch-over.ts";

export interface OwnerContext {
  machine: Machine;
  recorder: BootLog;
  log: Logger;
  /** What the fleet launches from; undefined when no fleet launched this instance. */
  launches: Launches | undefined;
  /** Whether visitors trust the certificate that they are shown; updated here. */
  shown: { trusted: boolean };
}

/** Seconds that one turn of a duty may take: what it runs has limits of its own, which come to less. */
const PATIENCE = {
  /** Two fleets are changed, one after the other. */
  image: 900,
  /** apt downloads, packs and checks. */
  layers: 5400,
  /** certbot is installed and orders. */
  certificate: 3600,
  /** EC2 is asked. */
  imageAge: 300,
  /** The bucket is written, and a webhook tried three times. */
  watchOver: 300,
  /** A large database is restored, and read through. */
  drill: 1800,
};

/** Each ends when the signal is aborted. */
export function ownerDuties(context: OwnerContext, release: string, term: AbortSignal): Promise<void>[] {
  const { machine, recorder, log, launches } = context;
  const { candidates, host, packages } = machine;
  // Another owner may have reported something since.
  machine.alerts.refresh();
  const keep = (name: string, patience: number, duty: (clock: Clock) => Promise<void>): Promise<void> => {
    const member = machine.rounds.join(name, patience);
    return duty(member.on(machine.clock)).finally(() => member.leave());
  };
  const tell = (text: string): void => {
    log.info(text);
    recorder.event(text);
  };
  return [
    ...(launches === undefined
      ? []
      : [keep("image", PATIENCE.image, (clock) => image(context, launches, clock, term))]),
    keep("layers", PATIENCE.layers, (clock) => keepLayers(packages, tell, clock, log, term)),
    keep("soak", 0, (clock) => soak(release, candidates, () => host.ask(), clock, log, term)),
    keep("certificate", PATIENCE.certificate, (clock) => certificate(context, clock, term)),
    ...(machine.state === undefined
      ? []
      : [
          keep("state", 0, keeping(context, machine.state, term)),
          keep("state drill", PATIENCE.drill, drilling(context, machine.state, term)),
        ]),
    keep("what may go wrong", PATIENCE.watchOver, (clock) =>
      watchOver(
        machine.gauges,
        () => host.inMaintenance(),
        recorded(context),
        clock,
        (message) => log.warn(message),
        term,
      ),
    ),
    keep("image age", PATIENCE.imageAge, (clock) => imageAge(context, clock, term)),
  ];
}

function image(
  { machine, recorder, log }: OwnerContext,
  launches: Launches,
  clock: Clock,
  term: AbortSignal,
): Promise<void> {
  const { store, notify } = machine;
  const deploying = async () => (await runningDeploy(store, clock)) !== undefined;
  const tell = (text: string): void => {
    recorder.warn(text);
    recorder.event(text);
    void notify({ kind: "image", text });
  };
  return keepLaunchable(
    () => ensureImage({ store, launches, deploying, clock, signal: term }),
    tell,
    clock,
    log,
    term,
  );
}

const keeping = (context: OwnerContext, state: StateKeeper, term: AbortSignal) => {
  const { machine, recorder, log } = context;
  const { raise, clear } = recorded(context);
  return (clock: Clock): Promise<void> =>
    watchKeeping(
      state,
      {
        tell: (text) => {
          recorder.event(text);
          void machine.notify({ kind: "state", text });
        },
        wrong: (text) => void raise({ kind: "state" }, text),
        well: (text) => void clear({ kind: "state" }, text),
      },
      clock,
      log,
      term,
    );
};

/** What was reported to a person stands in the boot record too. */
function recorded({ machine: { alerts }, recorder }: OwnerContext): Pick<Alerts, "raise" | "clear"> {
  const note = async (sent: Promise<boolean>, text: string): Promise<boolean> => {
    if (await sent) recorder.event(text);
    return sent;
  };
  return {
    raise: (trouble, text) => note(alerts.raise(trouble, text), text),
    clear: (trouble, text) => note(alerts.clear(trouble, text), text),
  };
}

const drilling =
  ({ machine, recorder, log }: OwnerContext, state: StateKeeper, term: AbortSignal) =>
  (clock: Clock): Promise<void> =>
    drillWeekly(
      state,
      { store: machine.store, instance: machine.identity.instance },
      (text) => {
        recorder.event(text);
        void machine.notify({ kind: "state", text });
      },
      clock,
      log,
      term,
    );

function imageAge({ machine, recorder, log }: OwnerContext, clock: Clock, term: AbortSignal): Promise<void> {
  const { identity, launches, notify } = machine;
  const began = identity.base ?? identity.image;
  const tell = (text: string): void => {
    recorder.event(text);
    void notify({ kind: "old-image", text });
  };
  return watchImageAge(began, () => launches.imageCreated(began), tell, clock, log, term);
}

function certificate(
  { machine, recorder, log, shown }: OwnerContext,
  clock: Clock,
  term: AbortSignal,
): Promise<void> {
  const { alerts, certificates, host, packages } = machine;
  return keepCertificate(
    async () => {
      const renewed = await renewIfDue(certificates).catch((error: unknown) => {
        void alerts.raise({ kind: "certificate", about: "order" }, `the certificate: ${messageOf(error)}`);
        throw error;
      });
      if (shown.trusted) {
        void alerts.clear(
          { kind: "certificate", about: "trust" },
          "there is a certificate that visitors trust",
        );
        if (!(await installedIsLate(certificates.folder, new Date(clock.now()))))
          void alerts.clear({ kind: "certificate", about: "order" }, "the certificate is in order again");
      }
      await packages.keep();
      return renewed ?? unserved(certificates, () => host.servedSerial());
    },
    async (renewed) => {
      recorder.certificate(renewed);
      const hurry = !shown.trusted;
      shown.trusted = renewed.source !== "self-signed";
      await host.renew(renewed, hurry, term);
    },
    clock,
    log,
    term,
  );
}
