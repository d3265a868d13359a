/** certbot, Pebble behind Let's Encrypt's limits, DNS, Route 53 and S3: everything real but AWS itself. */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { certbot } from "../../../agent/certificate/certbot.ts";
import type { CertificateContext } from "../../../agent/certificate/context.ts";
import { type Clock, systemClock } from "../../../agent/site/clock.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { bundle } from "../../bundle.ts";
import { LimitedCa } from "../../cloud/ca/limited-ca.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";
import { LETSENCRYPT_IDENTITIES, mayIssue } from "../../cloud/dns/caa.ts";
import { DnsServer } from "../../cloud/dns.ts";
import { type Pebble, startPebble } from "../../cloud/pebble.ts";
import type { Action, InstanceInput } from "./instance.ts";

export const DAY = 24 * 3600_000;
const BUCKET = "everspot-test";

/** The machine's time, moved by hand; sleeps last as long as they say. */
export class ShiftedClock implements Clock {
  shift = 0;
  now(): number {
    return Date.now() + this.shift;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

export interface World {
  clock: ShiftedClock;
  cloud: Cloud;
  dns: DnsServer;
  ca: LimitedCa;
  /** Of the limited CA. */
  directory: string;
  store: ObjectStore;
  /** For processes of their own. */
  env: Record<string, string>;
  /** A machine with an empty disk, or with the disk of an earlier one. */
  machine(options?: { names?: readonly string[]; instance?: string; disk?: string }): Promise<TestMachine>;
  /** The CA behind forgets accounts and orders, as if replaced. */
  restartPebble(): Promise<void>;
  close(): Promise<void>;
}

export interface TestMachine {
  context: CertificateContext;
  disk: string;
  /** The same machine in a process of its own, killed at a moment of `instance.ts`. */
  run(action: Action, moment?: string): ReturnType<typeof spawnInstance>;
}

let machines = 0;

/** Of all worlds of this process. */
let programs: ReturnType<typeof bundledPrograms> | undefined;
async function bundledPrograms(): Promise<{ hook: string; instance: string }> {
  const folder = await mkdtemp(join(tmpdir(), "everspot-certificate-programs-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const hook = await bundle(join(import.meta.dirname, "hook.ts"), folder);
  const instance = await bundle(join(import.meta.dirname, "instance.ts"), folder);
  return { hook, instance };
}

export async function startWorld(options: { lifetime?: number } = {}): Promise<World> {
  const clock = new ShiftedClock();
  const folder = await mkdtemp(join(tmpdir(), "everspot-certificates-"));
  const cloud = await startCloud({ clock });
  const s3 = new S3Client({ endpoint: cloud.endpoint, forcePathStyle: true });
  const route53 = new Route53Client({ endpoint: cloud.endpoint });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const zone = await route53.send(
    new CreateHostedZoneCommand({ Name: "example.test", CallerReference: "1" }),
  );
  const dns = await new DnsServer(cloud.route53.zones).start();
  // The same after a restart, so that the proxy finds it again.
  const ports = { port: await freePort(), managementPort: await freePort() };
  let pebbles = 0;
  const newPebble = async (): Promise<Pebble> => {
    const own = join(folder, `pebble-${pebbles++}`);
    await mkdir(own);
    return startPebble({ folder: own, dns: dns.address, nonceReject: 0, ...ports });
  };
  let pebble = await newPebble();
  const ca = new LimitedCa({
    upstream: pebble.directory,
    upstreamCa: pebble.listenCertificate,
    mayIssue: (name) => mayIssue(cloud.route53.zones, name, LETSENCRYPT_IDENTITIES),
    clock,
    lifetime: options.lifetime ?? 90 * DAY,
  });
  const directory = await ca.start();
  const store = createS3Store(s3, BUCKET);
  const trusted = join(folder, "ca.pem");
  await writeFile(trusted, ca.listenCertificate);
  const env = {
    ...cloud.env,
    REQUESTS_CA_BUNDLE: trusted,
    TEST_ZONE: zone.HostedZone?.Id?.replace("/hostedzone/", "") ?? "",
  };
  programs ??= bundledPrograms();
  const { hook: hookProgram, instance: program } = await programs;
  const hook = [process.execPath, hookProgram];
  for (const [name, value] of Object.entries(env)) process.env[name] = value;
  return {
    clock,
    cloud,
    dns,
    ca,
    directory,
    store,
    env,
    machine: async ({ names = ["example.test"], instance = `i-${++machines}`, disk } = {}) => {
      const own = disk ?? (await mkdtemp(join(folder, "disk-")));
      const [domain = "", ...aliases] = names;
      const say = (first: unknown, message?: string) => {
        if (process.env.DEBUG) console.log(message, first);
      };
      const acme = { folder: join(own, "letsencrypt"), hook };
      const plain = {
        config: {
          site: "test",
          domain,
          aliases,
          certificate: {
            source: "letsencrypt" as const,
            directory,
            email: "me@example.test",
            mirrorToAcm: false,
            wildcard: false,
          },
        },
        instance,
        folder: join(own, "certificates"),
      };
      return {
        disk: own,
        context: {
          ...plain,
          process: `p-${++machines}`,
          store,
          clock,
          logger: { info: say, warn: say } as CertificateContext["logger"],
          authority: certbot({ ...acme, clock }),
        },
        run: (action, moment = "never") => {
          const input: InstanceInput = {
            bucket: BUCKET,
            endpoint: cloud.endpoint,
            shift: clock.shift,
            certbot: acme,
            context: { ...plain, process: `p-${++machines}` },
          };
          return spawnInstance([program, action, moment, JSON.stringify(input)]);
        },
      };
    },
    restartPebble: async () => {
      await pebble.close();
      pebble = await newPebble();
      ca.trust(pebble.listenCertificate);
    },
    close: async () => {
      await ca.stop();
      await pebble.close();
      await dns.stop();
      s3.destroy();
      route53.destroy();
      await cloud.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const spawnInstance = (args: string[]) => execa(process.execPath, args, { reject: false });
