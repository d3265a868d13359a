/** The composition root: the parts of the agent on a real instance. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "pino";
import { type BootConfig, bootConfig } from "../../user-data/boot-config.ts";
import { createCertificateManager } from "../aws/acm.ts";
import { type Clients, createClients } from "../aws/clients.ts";
import { roleCredentials } from "../aws/credentials.ts";
import { createCreditMode } from "../aws/credits.ts";
import { createPeers } from "../aws/ec2.ts";
import { createFleet } from "../aws/fleet.ts";
import { createMetadata } from "../aws/imds.ts";
import { createLaunches } from "../aws/launches.ts";
import { createLogSink } from "../aws/logs.ts";
import { createZone } from "../aws/route53.ts";
import { createMail } from "../aws/sns.ts";
import { createSecrets } from "../aws/ssm.ts";
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
import { createNotify, type Notify, SIGNING_SECRET, type Tried, tryChannels } from "../notify/notify.ts";
import { createDebian } from "../packages/debian.ts";
import { Packages } from "../packages/ensure.ts";
import type { Metadata } from "../ports/metadata.ts";
import type { SecretSource } from "../ports/secrets.ts";
import type { StateTable } from "../ports/state.ts";
import type { Zone } from "../ports/zone.ts";
import { BootRecorder } from "../record/recorder.ts";
import type { Start } from "../record/start.ts";
import { redactingNotify, redactingStore, redactingUnits } from "../redaction/outlets.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { Candidates } from "../release/candidates.ts";
import { platformOf } from "../release/fit.ts";
import { systemClock as clock, steadyClock } from "../site/clock.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { logGroup, runSecretPath, secretPath } from "../site/names.ts";
import { createS3Store } from "../site/s3-store.ts";
import type { ObjectStore } from "../site/store.ts";
import { APP_FOLDER, kept, paths } from "../system/paths.ts";
import { patientClock, thisProcessor as processor } from "../system/processor.ts";
import { Rounds } from "../system/rounds.ts";
import { systemdSupervisor } from "../system/supervisor.ts";
import { startLasting, startTransient } from "../system/transient.ts";
import { systemd, type Units } from "../system/units.ts";
import { gauges } from "../watch/gauges.ts";

/** A boot goes on without a trusted certificate after this; the order goes on beside it. */
const CERTIFICATE_SECONDS = 90;

/** What an agent talks to before it knows which machine it is on. */
export interface Connections {
  config: BootConfig;
  /** The metadata service's. */
  endpoint: string;
  rounds: Rounds;
  metadata: Metadata;
  store: ObjectStore;
  units: Units;
  zone: Zone;
  secrets: SecretSource;
  runSecrets: SecretSource;
  clients: Pick<Clients, "ec2" | "acm" | "logs">;
  redactor: Redactor;
  /** @param instance undefined: not known yet. */
  notify(instance: string | undefined): Notify;
  /** Sends a notice of nothing to wherever notices go. */
  tryNotify(instance: string): Promise<Tried[]>;
}

/** Folders that the agent works in. */
export type Places = Record<"run" | "state" | "releases" | "certificates" | "letsencrypt", string>;

export interface Agent {
  machine: Machine;
  recorder: BootRecorder;
}

/**
 * @param configFile as bootstrap.sh wrote it.
 * @throws EverspotError when bootstrap.sh did not run, or left something this agent does not know.
 */
export async function connect(
  log: Pick<Logger, "warn">,
  redactor: Redactor,
  env: NodeJS.ProcessEnv,
  configFile: string = paths.bootConfig,
): Promise<Connections> {
  const config = await readConfig(configFile);
  const endpoint = required(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const metadata = createMetadata(endpoint);
  const { region, account, bucket } = config;
  const clients = createClients({ region, account, credentials: roleCredentials(metadata) });
  const secrets = learnt(createSecrets(clients.ssm, secretPath(config.site)), redactor);
  const runSecrets = learnt(createSecrets(clients.ssm, runSecretPath(config.site)), redactor);
  const supervisor = systemdSupervisor(env, (message) => log.warn(message));
  const stuck = (name: string, seconds: number) =>
    log.warn({ name, seconds }, "has been at one piece of work for a long time");
  const { url, topic } = config.notify ?? {};
  const mail = topic === undefined ? undefined : createMail(clients, topic, env);
  const notices = (instance: string | undefined) => ({
    ...{ site: config.site, instance, clock, url, mail },
    secret: async () => (await secrets.read())[SIGNING_SECRET],
    onTrouble: (message: string) => log.warn(message),
  });
  return {
    ...{ config, endpoint, metadata, secrets, runSecrets, clients, redactor },
    rounds: new Rounds(supervisor, stuck),
    store: redactingStore(createS3Store(clients.s3, bucket), redactor),
    units: redactingUnits(systemd, redactor),
    zone: createZone(clients.route53, config.zone),
    notify: (instance) => redactingNotify(createNotify(notices(instance)), redactor),
    tryNotify: (instance) =>
      tryChannels(notices(instance), {
        kind: "test",
        text: `a test notice from ${instance}: notices get through`,
      }),
  };
}

/** Reading the secrets makes them known to the redactor, before anything that could reveal one begins. */
const learnt = (source: SecretSource, redactor: Redactor): SecretSource => ({
  read: async () => {
    const found = await source.read();
    redactor.learn(found);
    return found;
  },
});

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

async function readConfig(file: string): Promise<BootConfig> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new EverspotError(`boot.json: ${messageOf(cause)}`, {
      resource: file,
      hint: "bootstrap.sh writes it at every boot; see `journalctl -u cloud-final`",
      cause,
    });
  });
  const parsed = bootConfig.safeParse(jsonOf(text, file));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EverspotError(`boot.json: ${issue?.path.join(".")}: ${issue?.message}`, {
    resource: file,
    hint: "the agent and the launch template come from different versions of everspot; run `everspot up`",
  });
}

function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EverspotError(`boot.json: ${messageOf(cause)}`, {
      resource: file,
      hint: "bootstrap.sh writes it again at every boot; reboot this instance",
      cause,
    });
  }
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new EverspotError(`${name} is not set`, {
    hint: "bootstrap.sh writes it to /etc/everspot/environment",
  });
}
