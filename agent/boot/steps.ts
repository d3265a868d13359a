import { rm } from "node:fs/promises";
import { readIdentity } from "../identity/identity.ts";
import { originDisk, settleIn } from "../identity/origin.ts";
import { ensureAppUser } from "../isolation/app-user.ts";
import { isolateMetadata } from "../isolation/isolate.ts";
import type { Machine } from "../machine/machine.ts";
import { claimSite } from "../ownership/claim.ts";
import { claimContext } from "../ownership/claim-context.ts";
import type { Ensured } from "../packages/ensure.ts";
import { resultOf, type Step, type StepContext, step, type Values } from "../record/graph.ts";
import type { BootRecorder } from "../record/recorder.ts";
import { fetchRelease } from "../release/fetch.ts";
import { runningRelease } from "../release/running.ts";
import { bundles, prepareApp, startApp, switchTo, waitHealthy } from "../serving/app.ts";
import { appMachine } from "../serving/app-machine.ts";
import { applyNginx } from "../serving/nginx.ts";
import { probeSite } from "../serving/probe.ts";
import { siteNginx } from "../serving/site-nginx.ts";
import { poll } from "../site/poll.ts";
import { paths } from "../system/paths.ts";
import { run } from "../system/run.ts";
import type { Outcome } from "./after-boot.ts";

/** Installed on every machine, besides `[image] packages`. */
const BASE_PACKAGES = ["nginx", "nftables", "python3"];
const PROBE_SECONDS = 30;

/**
 * The boot, in its order: a step runs as soon as what it needs is done. Every step can be repeated.
 *
 * `serving` alone brings up nginx without an app, for a machine that has no release to run.
 */
export function bootSteps(machine: Machine, recorder: BootRecorder) {
  const { config, units, clock } = machine;

  const identity = step("identity", {}, async (_, context) => {
    const found = await readIdentity(machine.metadata);
    recorder.identify(found);
    const { image, copyOf, newMachineId } = await settleIn(found, originDisk);
    recorder.change({ base: image });
    // Running programs keep the id they have read; the journal is looked for under the new one.
    if (newMachineId) void run("systemctl", ["restart", "systemd-journald"]).catch(() => undefined);
    const copy = copyOf === undefined ? "" : `, from an image of ${copyOf}`;
    context.detail(`${found.instance}, ${found.type} in ${found.zone}, ${found.address}${copy}`);
    return { ...found, base: image, copy: copyOf !== undefined };
  });

  const packages = step("packages", { identity }, async (got, context) => {
    const wanted = { lean: BASE_PACKAGES, full: config.image.packages };
    return tell(context, await machine.packages(got.identity).ensure(wanted, context.signal));
  });

  /** Without packages of its own, the app starts while nginx is still being installed. */
  const forApp = config.image.packages.length > 0 ? { packages } : {};

  const certificate = step("certificate", { identity }, async (got, context) => {
    const served = await machine.certificate(got.identity);
    for (const warning of served.warnings) context.warn(warning);
    context.detail(`${served.source}, from ${served.issuer}, until ${served.notAfter.toISOString()}`);
    recorder.certificate(served);
    return served;
  });

  const launched = step("launch time", { identity }, (got, context) =>
    poll(
      `EC2 to know ${got.identity.instance}`,
      async () => {
        const peer = await machine.peers.find(got.identity.instance);
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

  const release = step("release", { identity }, async (got, context) => {
    const running = await runningRelease(units, paths, config);
    const choice = running ?? (await machine.candidates.next(got.identity.instance));
    recorder.change({ release: choice.id });
    if (choice.role === "lastKnownGood" || choice.role === "previous") {
      context.warn(`serving release ${choice.id} (${choice.role}) because newer ones failed`);
    }
    const fetched = await fetchRelease(
      machine.store,
      choice.id,
      machine.disk,
      machine.platform,
      context.signal,
    );
    if (fetched.problem !== undefined) context.warn(fetched.problem);
    const size = fetched.bytes === undefined ? "" : `, ${(fetched.bytes / 1e6).toFixed(1)} MB`;
    context.detail(`${choice.id} (${choice.role}) from the ${fetched.from}${size}`);
    return { id: choice.id, folder: fetched.folder };
  });

  const isolation = step("isolation", { identity, ...forApp }, async (got, context) => {
    await machine.packages(got.identity).ensure({ lean: ["nftables"] }, context.signal);
    const user = await ensureAppUser();
    await isolateMetadata(units, paths.units, machine.metadataEndpoint, user.uid);
    const { address, port } = machine.metadataEndpoint;
    context.detail(`user ${user.uid} cannot reach ${address}:${port}`);
    return user;
  });

  const gunicorn = step("gunicorn", { identity, release, ...forApp }, async (got, context) => {
    if (await bundles(got.release.folder, "gunicorn")) {
      context.detail("the release brings it");
      return undefined;
    }
    return tell(context, await machine.packages(got.identity).ensure({ lean: ["gunicorn"] }, context.signal));
  });

  const prepare = step("prepare", { gunicorn, isolation, release, secrets }, async (got, context) => {
    const app = appMachine(config, units, got.isolation);
    const { id, folder } = got.release;
    context.detail(await prepareApp(app, id, folder, got.secrets, context.signal));
    return app;
  });

  const app = step("app", { prepare, release }, async (got, context) => {
    await startApp(got.prepare, got.release.id, context.signal);
  });

  const healthy = step("healthy", { app, prepare, release }, async (got, context) => {
    await waitHealthy(got.prepare, got.release.id, context.signal);
    await switchTo(got.prepare, got.release.id, got.release.folder);
    context.detail(`${config.app.health} answers 200`);
  });

  const nginx = step("nginx", { identity, packages, certificate }, async (got, context) => {
    // Of a renewal that the agent did not live to see through.
    await rm(paths.closing, { force: true });
    const text = siteNginx(config, got.identity.privateAddress, got.certificate);
    const done = await applyNginx(units, paths.nginxConfig, text, got.certificate.changed);
    context.detail(`${done} on ${got.identity.privateAddress}`);
  });

  const probe = step("self-probe", { identity, healthy, nginx }, async (got, context) => {
    const answer = await probeSite(
      { address: got.identity.privateAddress, domain: config.domain, path: config.app.health },
      PROBE_SECONDS,
      context.signal,
    );
    context.detail(`200 in ${answer.milliseconds} ms`);
    if (answer.distrust !== undefined)
      context.warn(`visitors do not trust the certificate: ${answer.distrust}`);
  });

  const ownership = step("ownership", { probe, identity, launched, release }, async (got, context) => {
    const { instance, address, privateAddress } = got.identity;
    const how = await claimContext(machine, context.signal, context.detail);
    const claim = await claimSite(
      { instance, address, privateAddress, launched: got.launched, release: got.release.id },
      how,
    );
    if (claim.owner) recorder.change({ epoch: claim.epoch });
    context.detail(claim.owner ? `epoch ${claim.epoch}, records INSYNC` : `${claim.by} has the site`);
    return { ...claim, ttl: how.ttl };
  });

  const promote = step("promote", { ownership, release }, async (got, context) => {
    if (!got.ownership.owner) return machine.candidates.outlived();
    const promoted = await machine.candidates.promote(got.release.id);
    context.detail(promoted ? `${got.release.id} is current` : "nothing to change");
  });

  const serving: Step<unknown>[] = [identity, packages, certificate, nginx];
  const all: Step<unknown>[] = [
    ...[identity, packages, release, certificate, secrets, launched],
    ...[isolation, gunicorn, prepare, app, healthy, nginx, probe],
    ...[ownership, promote],
  ];
  return {
    all,
    serving,
    /** Of a run of `all` that ended well. */
    outcome: (values: Values): Outcome => {
      const claim = resultOf(values, ownership);
      return {
        identity: resultOf(values, identity),
        launched: resultOf(values, launched),
        release: resultOf(values, release).id,
        epoch: claim.owner ? claim.epoch : undefined,
        replaced: claim.owner ? claim.previous?.owner : undefined,
        ttl: claim.ttl,
      };
    },
  };
}

function tell(context: StepContext, ensured: Ensured): Ensured {
  if (ensured.problem !== undefined) context.warn(`layer not used: ${ensured.problem}`);
  context.detail(
    ensured.from === "present"
      ? "all there"
      : `${ensured.packages.join(", ")} from the ${ensured.from === "layer" ? "bucket" : "mirror"}`,
  );
  return ensured;
}
