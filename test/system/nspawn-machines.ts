/** Machines with a metadata service each, and no AWS around them. */
import { expect } from "vitest";
import type { InstanceView } from "../cloud/ec2/instance-view.ts";
import { type Imds, startImds } from "../cloud/imds.ts";
import type { Credits } from "../cloud/machines.ts";
import { type Mirror, openMirror } from "../cloud/mirror.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { type NspawnMachines, nspawnMachines } from "../cloud/nspawn/machines.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

export interface MachineOptions {
  script?: string;
  type?: string;
  image?: string;
  address?: string;
  credits?: Credits;
}

export interface Nspawn {
  machines: NspawnMachines;
  mirror: Mirror;
  /** Machines that ended by themselves since the last one was started. */
  exits: string[];
  /** The metadata services, in the order of their machines. */
  services: Imds[];
  /** @param n of its own: of its id, and of its address unless another is given. @returns its id. */
  start(n: number, options?: MachineOptions): Promise<string>;
  /** What a script prints, or how it failed. */
  run(id: string, script: string): Promise<string>;
  booted(id: string): Promise<void>;
  /** Ends all machines and their services. */
  clear(): Promise<void>;
}

export const idOf = (n: number) => `i-${String(n).padStart(17, "0")}`;

export async function openNspawn(): Promise<Nspawn> {
  const sandbox = requireSandbox();
  const mirror = await openMirror(sandbox.mirrorSocket);
  const image = await ensureImage(sandbox, "debian-13", { proxy: mirror.url, progress: console.error });
  const machines = nspawnMachines({
    around: {
      imdsPort: 1338,
      proxy: mirror.url,
      aptSettings: {},
      environment: { AWS_ENDPOINT_URL: "http://127.0.0.1:4566", ODD: 'a "b" 100% \\c' },
      certificates: "-----BEGIN CERTIFICATE-----\nextra\n-----END CERTIFICATE-----",
    },
    image: async () => image,
    credits: true,
  });
  const exits: string[] = [];
  const services: Imds[] = [];
  machines.onExit((id) => exits.push(id));

  const start = async (n: number, options: MachineOptions = {}) => {
    exits.splice(0);
    const userData =
      options.script === undefined ? undefined : Buffer.from(`#!/bin/bash\n${options.script}\n`);
    const machine = {
      instanceId: idOf(n),
      imageId: options.image ?? "ami-1",
      instanceType: options.type ?? "t3.micro",
      address: options.address ?? `127.0.1.${n}`,
      availabilityZone: "us-east-1a",
      userData,
      credits: options.credits,
    };
    const view: InstanceView = {
      ...machine,
      architecture: "x86_64",
      region: "us-east-1",
      availabilityZoneId: "use1-az1",
      accountId: "123456789012",
      reservationId: "r-1",
      lifecycle: "spot",
      privateAddress: machine.address,
      publicAddress: machine.address,
      hostname: `ip-${machine.address.replaceAll(".", "-")}.ec2.internal`,
      subnetId: "subnet-1",
      vpcId: "vpc-1",
      securityGroups: ["web"],
      metadata: { enabled: true, tokens: "required", hopLimit: 1, tags: false },
      profile: undefined,
      tags: () => ({}),
      spotAction: () => undefined,
      rebalance: () => undefined,
      credentials: () => undefined,
    };
    services.push(await startImds(view, { port: 1338 }));
    await machines.start(machine);
    return machine.instanceId;
  };
  const run = async (id: string, script: string) => {
    const { exitCode, stdout, stderr } = await machines.exec(id, "bash", ["-c", script]);
    return exitCode === 0 ? stdout : `exit ${exitCode}: ${stderr}`;
  };
  return {
    ...{ machines, mirror, exits, services, start, run },
    booted: (id) =>
      expect.poll(() => run(id, "systemctl is-system-running --wait"), { timeout: 60_000 }).toBe("running"),
    clear: async () => {
      await machines.close();
      for (const imds of services.splice(0)) await imds.close();
    },
  };
}
