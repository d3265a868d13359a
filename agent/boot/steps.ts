import { appSteps, bringRelease, ensureGunicorn, keepPackages } from "../machine/app-steps.ts";
import type { Machine } from "../machine/machine.ts";
import { type Claim, claimSite, publishSite } from "../ownership/claim.ts";
import { claimantOf, claimContext } from "../ownership/claim-context.ts";
import type { Ensured } from "../packages/ensure.ts";
import { resultOf, type Step, type StepContext, step, type Values } from "../record/graph.ts";
import type { BootLog } from "../record/recorder.ts";
import { switchTo } from "../serving/app.ts";
import { readDocument } from "../site/document.ts";
import { maintenanceDocument } from "../site/documents/maintenance.ts";
import { messageOf } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import type { Outcome } from "./after-boot.ts";
import type { BootSteps } from "./boot.ts";
import { firstCertificate, tellCertificate } from "./first-certificate.ts";
import { jobsStep } from "./jobs-step.ts";
import { openState, stateSteps } from "./site-state.ts";

/** Installed on every machine, in addition to `[image] packages`. */
const BASE_PACKAGES = ["nginx", "nftables", "python3"];
const PROBE_SECONDS = 30;

/**
 * The boot, in its order: a step runs as soon as what it needs is done. Every step can be repeated.
 *
 * `serving` alone brings up nginx without an app, for a machine that has no release to run.
 */
export function bootSteps(machine: Machine, recorder: BootLog): BootSteps {
  const { config, clock, host, identity: me } = machine;

  const identity = step("identity", {}, async (_, context) => {
    const { instance, type, zone, address, image, base = image, copyOf } = me;
    recorder.identify(me);
    recorder.change({
      base,
      written: config.state !== undefined && machine.bringing === undefined ? "bucket" : "disk",
    });
    const copy = copyOf === undefined ? "" : `, from an image of ${copyOf}`;
    context.detail(`${instance}, ${type} in ${zone}, ${address}${copy}`);
  });

  const packages = step({ name: "packages", takes: "install" }, { identity }, async (_, context) => {
    const wanted = { lean: BASE_PACKAGES, full: config.image.packages };
    return tell(context, await machine.packages.ensure(wanted, context.signal));
  });

  /** Without packages of its own, the app starts while nginx is still being installed. */
  const forApp = config.image.packages.length > 0 ? { packages } : {};

  const certificate = step({ name: "certificate", takes: "order" }, { identity }, async (_, context) => {
    return tellCertificate(recorder, context, await machine.certificate("later"));
  });

  const launched = step("launch time", { identity }, (_, context) =>
    poll(
      `EC2 to know ${me.instance}`,
      async () => {
        const peer = await machine.peers.find(me.instance);
        if (peer === undefined) return { waiting: "not described yet" };
        recorder.change({ launched: peer.launched.toISOString() });
        return { done: peer.launched };
      },
      { seconds: 60, everySeconds: 2, clock, signal: context.signal },
    ),
  );

  const secrets = step("secrets", {}, async (_, context) => {
    const found = await machine.secrets.read();
    context.detail(`${Object.keys(found).length} from the Parameter Store`);
    return found;
  });

  const bring = async (_: unknown, context: StepContext) => {
    const choice =
      (await host.running()) ?? (await machine.candidates.next(me.instance, await templateOf(machine)));
    recorder.change({ release: choice.id });
    if (choice.role === "lastKnownGood" || choice.role === "previous") {
      context.warn(`serving release ${choice.id} (${choice.role}) because newer ones failed`);
    }
    const isCandidate = choice.role === "candidate";
    return bringRelease(machine, { id: choice.id, isCandidate }, `${choice.id} (${choice.role})`, context);
  };
  const release = step({ name: "release", takes: "transfer" }, { identity }, bring, "when-fatal");

  const isolation = step(
    { name: "isolation", takes: "install" },
    { identity, ...forApp },
    async (_, context) => {
      await machine.packages.ensure({ lean: ["nftables"] }, context.signal);
      const apps = await host.apps();
      // Its user is of the app's group.
      const keeper = await machine.state?.ready();
      context.detail(await host.isolate(apps.uid, ...(keeper === undefined ? [] : [keeper.uid])));
      return apps;
    },
  );

  const gunicorn = step(
    { name: "gunicorn", takes: "install" },
    { identity, release, ...forApp },
    async (got, context) => {
      const ensured = await ensureGunicorn(machine, got.release, context.signal);
      if (ensured === undefined) context.detail("the release brings it");
      else tell(context, ensured);
    },
  );

  const kept =
    machine.state &&
    stateSteps(machine, machine.state, recorder, {
      ...{ launched, release, gunicorn, isolation, secrets },
    });
  const held = kept === undefined ? {} : { held: kept.held, rehearsal: kept.rehearsal };

  const { prepare, app, healthy, look, gate } = appSteps(
    machine,
    release,
    { gunicorn, isolation, secrets, ...held },
    async (got) => ({ apps: got.isolation, secrets: got.secrets, left: got.rehearsal?.left }),
    (apps, { id, folder }) => switchTo(apps, id, folder),
  );

  // Before anybody can come.
  const maintenance = step("maintenance", { identity }, async (_, context) => {
    const read = await readDocument(machine.store, maintenanceDocument).catch((error: unknown) => {
      context.warn(`whether maintenance is on could not be found out: ${messageOf(error)}`);
    });
    await host.maintain(read?.value);
    context.detail(read?.value?.on ? `on, by ${read.value.by}` : "none");
  });

  const nginx = step("nginx", { identity, packages, certificate, maintenance }, async (got, context) => {
    context.detail(await host.open(got.certificate));
  });

  /** A try that fails costs none of what the CA issues in a week. */
  const first = step(
    { name: "first certificate", takes: "order" },
    { certificate, healthy, nginx },
    (got, context) => firstCertificate(machine, recorder, got.certificate, context),
  );

  const probe = step("self-probe", { identity, healthy, first }, async (got, context) => {
    const answer = await host.probe(PROBE_SECONDS, context.signal, got.first.serial);
    context.detail(`200 in ${answer.milliseconds} ms`);
    if (answer.distrust !== undefined)
      context.warn(`visitors do not trust the certificate: ${answer.distrust}`);
  });

  const open =
    kept && step("open", { probe, held: kept.held, ...gate }, (got) => openState(kept.state, got.held));
  const opened = open === undefined ? {} : { open };

  // With state, they end before the site is claimed.
  const jobs = kept === undefined ? jobsStep(machine, { probe, launched, ...gate }) : undefined;

  const ownership = step(
    { name: "ownership", takes: "settle" },
    { probe, identity, launched, release, ...(jobs && { jobs }), ...gate, ...opened },
    async (got, context) => {
      const how = await claimContext(machine, context.signal, context.detail);
      const me = claimantOf(machine, got.launched, got.release.id);
      const before: Claim | undefined = got.open;
      const claim =
        before === undefined
          ? await claimSite(me, how)
          : before.owner
            ? await publishSite(me, before, how)
            : before;
      if (claim.owner) recorder.change({ epoch: claim.epoch });
      context.detail(claim.owner ? `epoch ${claim.epoch}, records INSYNC` : `${claim.by} has the site`);
      return { ...claim, ttl: how.ttl };
    },
  );

  // Those who have a page of an earlier release open come as soon as the records move.
  const earlier = step("earlier files", { identity, healthy, release }, async (got, { detail, signal }) => {
    if (config.app.static !== undefined) detail(await host.earlierStatic(got.release.id, signal));
  });

  const promote = step(
    { name: "promote", takes: "install" },
    { ownership, release },
    async (got, context) => {
      if (!got.ownership.owner) return machine.candidates.outlived();
      await keepPackages(machine, context);
      const promoted = await machine.candidates.promote(got.release.id);
      context.detail(promoted ? `${got.release.id} is current` : "no change");
    },
  );

  const serving: Step<unknown>[] = [identity, packages, certificate, maintenance, nginx];
  const all: Step<unknown>[] = [
    ...[identity, packages, release, certificate, secrets, launched, maintenance],
    ...[
      isolation,
      gunicorn,
      ...(kept === undefined
        ? []
        : [kept.rehearsal, ...(kept.jobs ? [kept.jobs] : []), kept.claim, kept.ask, kept.held]),
      prepare,
      app,
      healthy,
      look,
      nginx,
      first,
      probe,
    ],
    ...[
      earlier,
      ...(open === undefined ? [] : [open]),
      ...(jobs === undefined ? [] : [jobs]),
      ownership,
      promote,
    ],
  ];
  return {
    all,
    serving,
    outcome: (values: Values): Outcome => {
      const about = { launched: resultOf(values, launched), release: resultOf(values, release).id };
      // Another instance has the site, and its data.
      if (!values.has(ownership)) {
        const { source } = resultOf(values, certificate);
        return {
          ...{ ...about, trusted: source !== "self-signed" },
          ...{ epoch: undefined, replaced: undefined, ttl: config.dns.ttl },
        };
      }
      const claim = resultOf(values, ownership);
      return {
        ...about,
        trusted: resultOf(values, first).source !== "self-signed",
        epoch: claim.owner ? claim.epoch : undefined,
        replaced: claim.owner ? claim.previous?.owner : undefined,
        ttl: claim.ttl,
      };
    },
  };
}

/** Where nothing says otherwise, the machine takes what there is. */
async function templateOf({ identity, peers }: Machine): Promise<number | undefined> {
  if (identity.template !== undefined) return identity.template;
  return (await peers.find(identity.instance).catch(() => undefined))?.template;
}

function tell(context: StepContext, ensured: Ensured): Ensured {
  if (ensured.problem !== undefined) context.warn(ensured.problem);
  context.detail(
    ensured.from === "present"
      ? "all there"
      : [
          `${ensured.packages.join(", ")} from the ${ensured.from === "layer" ? "bucket" : "mirror"}`,
          ...(ensured.index === undefined ? [] : [ensured.index]),
        ].join(", "),
  );
  return ensured;
}
