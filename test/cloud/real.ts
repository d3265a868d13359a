import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import { type Cloud, type CloudOptions, startCloud } from "./cloud.ts";
import { DnsServer } from "./dns.ts";
import { debianImages } from "./ec2.ts";
import { type Imds, imdsServices } from "./imds.ts";
import { inventory } from "./inventory.ts";
import { machineSources } from "./mirror/sources.ts";
import { type Mirror, openMirror } from "./mirror.ts";
import { ensureImage } from "./nspawn/image.ts";
import { type NspawnMachines, nspawnMachines } from "./nspawn/machines.ts";
import { proveLimits } from "./nspawn/prove-limits.ts";
import type { Os } from "./nspawn/recipe.ts";
import { type Pebble, startPebble } from "./pebble.ts";
import { requireSandbox } from "./sandbox/sandbox.ts";

const IMDS_PORT = 1338;
/** A certificate authority asks a zone's servers themselves. */
const CA_DNS_PORT = 5354;

export interface RealCloudOptions extends Omit<CloudOptions, "machines" | "imds" | "host"> {
  /** Told what takes long. */
  say?: (line: string) => void;
  /** Images to have ready before the first launch; any other is built when it is needed. */
  images?: readonly Os[];
  /** Whether burstable types have no more of the processor than they have paid for. */
  credits?: boolean;
  /** Whether the resolver of visitors and of the operator remembers, as its zone says, what was not there. */
  negativeCache?: boolean;
  pebble?: { validitySeconds?: number; nonceReject?: number; under?: readonly string[] };
}

/** The local AWS with everything real that belongs around it. */
export interface RealCloud extends Cloud {
  /** For child processes: as Cloud's, and they trust Pebble and what it issues. */
  readonly env: Record<string, string>;
  readonly machines: NspawnMachines;
  /** The metadata service of an instance's newest start: its requests, and faults to inject. */
  imds(instanceId: string): Imds | undefined;
  readonly pebble: Pebble;
  /** File with the root of Pebble's certificates: what a visitor must trust. */
  readonly rootFile: string;
  readonly dns: DnsServer;
  readonly mirror: Mirror;
  /** Text by file name: journals and consoles of all instances so far, requests to IMDS, Pebble's log. */
  logs(): Promise<Map<string, string>>;
  /** What is in the account that was not there at the start; hosted zones do not count, their records do. */
  leftovers(): Promise<string[]>;
}

/**
 * Starts the local AWS with real instances, DNS on 127.0.0.1:53, Pebble on 127.0.0.1:14000 and the Debian mirror
 * on 127.0.0.1:3142.
 * @throws EverspotError outside of a sandbox.
 */
export async function startRealCloud(options: RealCloudOptions = {}): Promise<RealCloud> {
  const sandbox = requireSandbox();
  const {
    say = () => {},
    images = ["debian-13"],
    pebble: pebbleOptions,
    credits,
    negativeCache,
    ...cloudOptions
  } = options;
  if (credits) await proveLimits(sandbox);
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const mirror = await openMirror(sandbox.mirrorSocket);
    closers.push(() => mirror.close());
    const image = (os: Os) => ensureImage(sandbox, os, { proxy: mirror.url, progress: say });
    for (const os of images) await image(os);

    const folder = path.join(sandbox.directory, "pebble");
    await mkdir(folder, { recursive: true });
    const pebble = await startPebble({ ...pebbleOptions, folder, dns: `127.0.0.1:${CA_DNS_PORT}` });
    closers.push(() => pebble.close());
    const rootFile = path.join(folder, "root.pem");
    const trustFile = path.join(folder, "trust.pem");
    const certificates = `${pebble.root.trimEnd()}\n${pebble.listenCertificate}`;
    await Promise.all([writeFile(rootFile, pebble.root), writeFile(trustFile, certificates)]);

    const services = imdsServices({ port: IMDS_PORT, ...(options.clock && { clock: options.clock }) });
    const { settings: aptSettings } = await machineSources();
    const made: { machines?: NspawnMachines } = {};
    const cloud = await startCloud({
      sockets: true,
      ...cloudOptions,
      delays: { grace: 30_000, fleetModify: 1_000, ...options.delays },
      imds: services.service,
      machines: (env) => {
        made.machines = nspawnMachines({
          around: {
            imdsPort: IMDS_PORT,
            proxy: mirror.url,
            aptSettings,
            environment: { AWS_ENDPOINT_URL: env.AWS_ENDPOINT_URL ?? "" },
            certificates,
          },
          image: (imageId) => image(osOf(imageId)),
          credits: credits ?? false,
        });
        return made.machines;
      },
    });
    closers.push(() => cloud.close());
    const { machines } = made;
    if (machines === undefined) throw new Error("the local AWS asked for no machines");
    const dns = await new DnsServer(cloud.route53.zones, { remembersNo: negativeCache }).start({ port: 53 });
    closers.push(() => dns.stop());
    const forCa = await new DnsServer(cloud.route53.zones).start({ port: CA_DNS_PORT });
    closers.push(() => forCa.stop());
    const before = new Set(await inventory(cloud));

    return {
      ...cloud,
      env: { ...cloud.env, NODE_EXTRA_CA_CERTS: trustFile },
      machines,
      imds: services.of,
      pebble,
      rootFile,
      dns,
      mirror,
      logs: async () => {
        const logs = await machines.logs();
        for (const id of services.known()) {
          logs.set(
            `${id}.imds`,
            (services.of(id)?.requests ?? []).map((r) => `${JSON.stringify(r)}\n`).join(""),
          );
        }
        return logs.set("pebble.log", await pebble.log());
      },
      leftovers: async () => (await inventory(cloud)).filter((thing) => !before.has(thing)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws EverspotError for an image of another architecture: machines here share this one's processor. */
function osOf(imageId: string): Os {
  const image = debianImages.find((i) => i.id === imageId);
  const native = process.arch === "x64" ? "amd64" : process.arch;
  if (image === undefined) throw new EverspotError(`there is no disk for the image ${imageId}`);
  if (image.architecture !== native) {
    throw new EverspotError(`${imageId} is for ${image.architecture}, and this machine is ${native}`, {
      hint: `set fleet.arch to ${native === "amd64" ? "x86_64" : native} to rehearse here`,
    });
  }
  return image.os;
}
