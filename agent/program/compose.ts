/** The composition root: the parts of the agent on a real instance. */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "pino";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { createCertificateManager } from "../aws/acm.ts";
import { roleCredentials } from "../aws/credentials.ts";
import { createCreditMode } from "../aws/credits.ts";
import { createPeers } from "../aws/ec2.ts";
import { createFleet } from "../aws/fleet.ts";
import { createLaunches } from "../aws/launches.ts";
import { createLogSink } from "../aws/logs.ts";
import { certbot } from "../certificate/certbot.ts";
import type { CertificateContext } from "../certificate/context.ts";
import { ensureCertificate } from "../certificate/ensure.ts";
import type { Identity } from "../identity/identity.ts";
import { ensureStateUser } from "../isolation/app-user.ts";
import { metadataEndpoint } from "../isolation/metadata-rules.ts";
import { Bringer, bringing, readBrings, withBrought } from "../keeping/bringer.ts";
import { Keeper, type KeeperOptions } from "../keeping/keeper.ts";
import { journalTail } from "../logs/journal.ts";
import { keptIn } from "../logs/kept.ts";
import { Shipper } from "../logs/shipper.ts";
import { thisHost } from "../machine/host.ts";
import type { Machine } from "../machine/machine.ts";
import { createAlerts } from "../notify/alerts.ts";
import type { Notify } from "../notify/notify.ts";
import { createDebian } from "../packages/debian.ts";
import { Packages } from "../packages/ensure.ts";
import type { StateTable } from "../ports/state.ts";
import { BootRecorder } from "../record/recorder.ts";
import type { Start } from "../record/start.ts";
import { Candidates } from "../release/candidates.ts";
import { platformOf } from "../release/fit.ts";
import { systemClock as clock, steadyClock } from "../site/clock.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { logGroup } from "../site/names.ts";
import type { ObjectStore } from "../site/store.ts";
import { APP_FOLDER, kept, paths } from "../system/paths.ts";
import { patientClock, thisProcessor as processor } from "../system/processor.ts";
import { startLasting, startTransient } from "../system/transient.ts";
import { gauges } from "../watch/gauges.ts";
import type { Connections } from "./connections.ts";

/** A boot goes on without a trusted certificate after this; the order goes on beside it. */
const CERTIFICATE_SECONDS = 90;

/** Folders that the agent works in. */
export type Places = Record<"run" | "state" | "releases" | "certificates" | "letsencrypt", string>;

export interface Agent {
  machine: Machine;
  recorder: BootRecorder;
}

/** The agent of this machine. Makes the folders that it works in. */
export async function composeAgent(
  connections: Connections,
  identity: Identity,
  start: Start,
  log: Logger,
  places: Places = paths,
): Promise<Agent> {
  const { endpoint, rounds, metadata, store, units, zone, secrets, runSecrets, clients } = connections;
  const launched = connections.config;
  const brings = launched.state === undefined ? await readBrings(kept.brings, identity.instance) : undefined;
  const config = withBrought(launched, brings);
  const keeping = keeperOptions(connections, identity, log);
  const bringer = (state: StateTable) =>
    new Bringer({ ...keeping(state), own: APP_FOLDER, transient: startTransient });
  const { ec2, acm } = clients;
  await mkdir(places.run, { recursive: true });
  await mkdir(places.state, { recursive: true, mode: 0o755 });
  const packages = packagesOf(store, identity, config.image.os, places.state);
  const certificates: CertificateContext = {
    ...{ store, clock, logger: log, config, instance: identity.instance },
    process: randomUUID(),
    folder: places.certificates,
    acm: createCertificateManager(acm, config.site),
    authority: {
      ...certbot({
        folder: places.letsencrypt,
        hook: [process.execPath, process.argv[1] ?? "", "certbot-hook"],
        clock,
      }),
      // Most boots find a stored certificate; only an order needs certbot.
      prepare: async () => {
        await packages.ensure({ lean: ["certbot"] }, undefined, true);
      },
    },
  };
  const recorder = new BootRecorder({
    ...{ store, site: config.site, agent: config.agent, bootId: start.bootId },
    ...{ started: start.started, before: start.steps },
    onError: (error) => log.warn({ err: error }, "the boot record could not be written"),
  });
  const patience = patientClock(steadyClock, processor);
  const notify = connections.notify(identity.instance);
  const machine: Machine = {
    ...{
      config,
      identity,
      clock,
      patience,
      processor,
      rounds,
      store,
      metadata,
      secrets,
      runSecrets,
      zone,
      units,
      transient: startTransient,
      lasting: startLasting,
      packages,
      certificates,
    },
    peers: createPeers(ec2, config.site),
    fleet: createFleet(ec2, config.site, clock),
    launches: createLaunches(ec2, config.site, clock),
    creditMode: createCreditMode(ec2, identity.instance),
    host: thisHost(config, identity, metadataEndpoint(endpoint), units, clock, patience, store, launched),
    gauges: gauges(),
    logs: shipperOf(connections, identity, join(places.state, "logs.json"), notify, log),
    state: brings === undefined ? launched.state && new Keeper(keeping(launched.state)) : bringer(brings),
    ...(launched.state === undefined && {
      bringing: bringing(bringer, { file: kept.brings, instance: identity.instance }, brings),
    }),
    platform: platformOf(config.image.os, process.arch),
    disk: { releases: places.releases, unflushed: join(places.run, "unflushed") },
    candidates: new Candidates(store, clock),
    notify,
    alerts: createAlerts({ store, notify, clock, onTrouble: (message) => log.warn(message) }),
    tryNotify: () => connections.tryNotify(identity.instance),
    certificate: (first) =>
      ensureCertificate(certificates, () => patience.sleep(CERTIFICATE_SECONDS * 1000), first),
  };
  return { machine, recorder };
}

function shipperOf(
  { config, clients, secrets, redactor }: Connections,
  { instance }: Identity,
  file: string,
  notify: Notify,
  log: Logger,
): Shipper {
  let known = false;
  return new Shipper({
    ...{ instance, clock, most: config.logs.maxMbPerDay, tail: journalTail() },
    sink: createLogSink(clients.logs, logGroup(config.site)),
    kept: keptIn(file, instance),
    redact: (lines) => redactor.lines(lines),
    secretsKnown: async () => {
      if (!known) await secrets.read();
      known = true;
    },
    tell: (text) => log.warn(text),
    notify: (text) => void notify({ kind: "logs", text }),
  });
}

const keeperOptions =
  ({ config, units, metadata }: Connections, { instance }: Identity, log: Logger) =>
  (state: StateTable): KeeperOptions => {
    const { bucket, account } = config;
    return {
      ...{ config: { state, bucket, account }, instance, units, clock, places: kept },
      ...{ unitFiles: paths.units, environment: paths.environment },
      from: join(dirname(process.argv[1] ?? ""), "python"),
      user: ensureStateUser,
      credentials: roleCredentials(metadata),
      onTrouble: (message) => log.warn(message),
    };
  };

const packagesOf = (
  store: ObjectStore,
  identity: Identity,
  os: BootConfig["image"]["os"],
  state: string,
): Packages =>
  new Packages({
    ...{ store, clock, instance: identity.instance },
    debian: createDebian({
      imageStatus: join(state, "image-status"),
      codename: os === "debian-12" ? "bookworm" : "trixie",
    }),
    inherited: identity.copyOf !== undefined,
    trial: async () => (await runningDeploy(store, clock))?.kind === "swap",
    marks: join(state, "layers"),
    image: identity.base ?? identity.image,
    arch: process.arch,
    folder: join(state, "packages"),
  });
