/** The composition root: the parts of the agent on a real instance. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ACMClient } from "@aws-sdk/client-acm";
import { EC2Client } from "@aws-sdk/client-ec2";
import { Route53Client } from "@aws-sdk/client-route-53";
import { SSMClient } from "@aws-sdk/client-ssm";
import type { Logger } from "pino";
import { type BootConfig, bootConfig } from "../user-data/boot-config.ts";
import { createCertificateManager } from "./aws/acm.ts";
import { roleCredentials } from "./aws/credentials.ts";
import { createPeers } from "./aws/ec2.ts";
import { createFleet } from "./aws/fleet.ts";
import { createMetadata } from "./aws/imds.ts";
import { createLaunches } from "./aws/launches.ts";
import { createZone } from "./aws/route53.ts";
import { createSecrets } from "./aws/ssm.ts";
import { certbot } from "./certificate/certbot.ts";
import type { CertificateContext } from "./certificate/context.ts";
import { ensureCertificate } from "./certificate/ensure.ts";
import type { Identity } from "./identity/identity.ts";
import { metadataEndpoint } from "./isolation/metadata-rules.ts";
import type { Machine } from "./machine/machine.ts";
import { createNotify, SIGNING_SECRET } from "./notify/notify.ts";
import { createDebian } from "./packages/debian.ts";
import { Packages } from "./packages/ensure.ts";
import type { Fleet } from "./ports/fleet.ts";
import type { Launches } from "./ports/launches.ts";
import { BootRecorder } from "./record/recorder.ts";
import { readStart } from "./record/start.ts";
import { Candidates } from "./release/candidates.ts";
import { platformOf } from "./release/fit.ts";
import { systemClock } from "./site/clock.ts";
import { EverspotError, messageOf } from "./site/errors.ts";
import { secretPath } from "./site/names.ts";
import { runningDeploy } from "./site/running-deploy.ts";
import { createS3Client } from "./site/s3-client.ts";
import { createS3Store } from "./site/s3-store.ts";
import { paths } from "./system/paths.ts";
import { systemd } from "./system/units.ts";

/** A boot goes on without a trusted certificate after this; the order goes on beside it. */
const CERTIFICATE_SECONDS = 90;

export interface Agent {
  machine: Machine;
  recorder: BootRecorder;
  certificates(identity: Identity): CertificateContext;
  /** @param id of an EC2 Fleet. */
  fleet(id: string): Fleet;
  launches(fleet: string): Launches;
}

/** @throws EverspotError when bootstrap.sh did not run, or left something this agent does not know. */
export async function composeAgent(log: Logger, env: NodeJS.ProcessEnv): Promise<Agent> {
  const config = await readConfig();
  const endpoint = required(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const metadata = createMetadata(endpoint);
  const client = { region: config.region, credentials: roleCredentials(metadata) };
  const store = createS3Store(createS3Client(client), config.bucket);
  const zone = createZone(new Route53Client(client), config.zone);
  await mkdir(paths.run, { recursive: true });
  await mkdir(paths.state, { recursive: true, mode: 0o755 });

  const debian = createDebian(join(paths.state, "image-status"));
  let packages: Packages | undefined;
  const packagesOf = (identity: Identity): Packages => {
    packages ??= new Packages({
      debian,
      store,
      clock: systemClock,
      inherited: identity.copy ?? false,
      trial: async () => (await runningDeploy(store, systemClock))?.kind === "swap",
      marks: join(paths.state, "layers"),
      image: identity.base ?? identity.image,
      arch: process.arch,
      instance: identity.instance,
      folder: join(paths.state, "packages"),
    });
    return packages;
  };

  const processId = randomUUID();
  const acme = certbot({
    folder: paths.letsencrypt,
    hook: [process.execPath, process.argv[1] ?? "", "certbot-hook"],
    clock: systemClock,
  });
  const acm = createCertificateManager(new ACMClient(client), config.site);
  const certificatesOf = (identity: Identity): CertificateContext => ({
    store,
    clock: systemClock,
    logger: log,
    config,
    instance: identity.instance,
    process: processId,
    folder: paths.certificates,
    acm,
    authority: {
      ...acme,
      // Most boots find a stored certificate; only who orders needs certbot.
      prepare: async () => {
        await packagesOf(identity).ensure({ lean: ["certbot"] }, undefined, true);
      },
    },
  });

  let certificateContext: CertificateContext | undefined;
  const certificates = (identity: Identity): CertificateContext => {
    certificateContext ??= certificatesOf(identity);
    return certificateContext;
  };
  const patience = () => systemClock.sleep(CERTIFICATE_SECONDS * 1000);

  const started = await readStart(paths.bootstrap, systemClock.now());
  const recorder = new BootRecorder({
    store,
    site: config.site,
    bootId: started.bootId,
    agent: config.agent,
    started: started.started,
    before: started.steps,
    onError: (error) => log.warn({ err: error }, "the boot record could not be written"),
  });
  const secrets = createSecrets(new SSMClient(client), secretPath(config.site));
  return {
    recorder,
    certificates,
    fleet: (id) => createFleet(new EC2Client(client), id),
    launches: (fleet) => createLaunches(new EC2Client(client), fleet),
    machine: {
      config,
      clock: systemClock,
      store,
      metadata,
      metadataEndpoint: metadataEndpoint(endpoint),
      secrets,
      notify: createNotify({
        url: config.notify?.url,
        site: config.site,
        instance: () => recorder.value?.instance,
        secret: async () => (await secrets.read())[SIGNING_SECRET],
        clock: systemClock,
        onTrouble: (message) => log.warn(message),
      }),
      zone,
      peers: createPeers(new EC2Client(client), config.site),
      units: systemd,
      platform: platformOf(config.image.os, process.arch),
      disk: { releases: paths.releases, unflushed: join(paths.run, "unflushed") },
      candidates: new Candidates(store, systemClock),
      packages: packagesOf,
      certificate: (identity) => ensureCertificate(certificates(identity), patience),
    },
  };
}

/** For certbot's hooks, which run as processes of their own. */
export async function composeZone(env: NodeJS.ProcessEnv) {
  const config = await readConfig();
  const metadata = createMetadata(required(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT"));
  return createZone(
    new Route53Client({ region: config.region, credentials: roleCredentials(metadata) }),
    config.zone,
  );
}

async function readConfig(): Promise<BootConfig> {
  const text = await readFile(paths.bootConfig, "utf8").catch((cause: unknown) => {
    throw new EverspotError(`boot.json: ${messageOf(cause)}`, {
      resource: paths.bootConfig,
      hint: "bootstrap.sh writes it at every boot; see `journalctl -u cloud-final`",
      cause,
    });
  });
  const parsed = bootConfig.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EverspotError(`boot.json: ${issue?.path.join(".")}: ${issue?.message}`, {
    resource: paths.bootConfig,
    hint: "agent and launch template are of different versions of everspot; run `everspot up`",
  });
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new EverspotError(`${name} is not set`, {
    hint: "bootstrap.sh writes it to /etc/everspot/environment",
  });
}
