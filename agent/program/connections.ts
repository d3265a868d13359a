/** What the agent talks to, connected before it knows which machine it is on. */
import { readFile } from "node:fs/promises";
import type { Logger } from "pino";
import { type BootConfig, bootConfig } from "../../user-data/boot-config.ts";
import { type Clients, createClients } from "../aws/clients.ts";
import { roleCredentials } from "../aws/credentials.ts";
import { createMetadata } from "../aws/imds.ts";
import { createZone } from "../aws/route53.ts";
import { createMail } from "../aws/sns.ts";
import { createSecrets } from "../aws/ssm.ts";
import { createNotify, type Notify, SIGNING_SECRET, type Tried, tryChannels } from "../notify/notify.ts";
import type { Metadata } from "../ports/metadata.ts";
import type { SecretSource } from "../ports/secrets.ts";
import type { Zone } from "../ports/zone.ts";
import { redactingNotify, redactingStore, redactingUnits } from "../redaction/outlets.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { systemClock as clock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { runSecretPath, secretPath } from "../site/names.ts";
import { createS3Store } from "../site/s3-store.ts";
import type { ObjectStore } from "../site/store.ts";
import { paths } from "../system/paths.ts";
import { Rounds } from "../system/rounds.ts";
import { systemdSupervisor } from "../system/supervisor.ts";
import { systemd, type Units } from "../system/units.ts";

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
