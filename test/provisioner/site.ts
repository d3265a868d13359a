import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import type { Clock } from "../../agent/site/clock.ts";
import type { ProjectTools } from "../../provisioner/commands/project-tools.ts";
import { parseConfig } from "../../provisioner/config/load.ts";
import type { SiteConfig } from "../../provisioner/config/site-config.ts";
import { createQuestions } from "../../provisioner/operator/questions.ts";
import { createPublicDns } from "../../provisioner/operator/resolver.ts";
import { createTerminal } from "../../provisioner/operator/terminal.ts";
import type { Packed } from "../../provisioner/release/pack.ts";
import { type Cloud, type CloudOptions, startCloud } from "../cloud/cloud.ts";
import { DnsServer } from "../cloud/dns.ts";
import { sha256 } from "./sha256.ts";

export const MINIMAL = `
site = "blog"
region = "us-east-1"
domain = "blog.example.com"
aliases = ["www.blog.example.com"]
[app]
wsgi = "blog.wsgi:application"
`;

/** A local AWS with a delegated zone example.com, and everything the commands need of a computer. */
export interface Desk {
  cloud: Cloud;
  dns: DnsServer;
  zoneId: string;
  tools: ProjectTools;
  config: SiteConfig;
  /** The last JSON document a command gave. */
  json(): Record<string, unknown>;
  /** Everything said on stderr. */
  said(): string;
  forget(): void;
  close(): Promise<void>;
}

export async function openDesk(
  options: {
    toml?: string;
    cloud?: CloudOptions;
    tools?: Partial<ProjectTools>;
    yes?: boolean;
    clock?: Clock;
  } = {},
): Promise<Desk> {
  const folder = mkdtempSync(path.join(tmpdir(), "everspot-"));
  const cloud = await startCloud({ zones: ["us-east-1a", "us-east-1b"], ...options.cloud });
  Object.assign(process.env, cloud.env);
  const route53 = new Route53Client({ region: "us-east-1" });
  const made = await route53.send(new CreateHostedZoneCommand({ Name: "example.com", CallerReference: "1" }));
  const zoneId = (made.HostedZone?.Id ?? "").replace("/hostedzone/", "");
  route53.destroy();
  const dns = await new DnsServer(cloud.route53.zones).start();
  const file = path.join(folder, "agent.tar.gz");
  writeFileSync(file, "the agent");
  const clock = options.clock ?? skippingClock();
  const stdout: string[] = [];
  const stderr: string[] = [];
  const tools: ProjectTools = {
    terminal: createTerminal({
      json: true,
      stdout: { write: (t) => stdout.push(t) },
      stderr: { write: (t) => stderr.push(t) },
    }),
    questions: createQuestions({ yes: options.yes ?? true }),
    stdio: {
      typed: false,
      input: (async function* () {})(),
      write: async () => true,
      done: () => {},
    },
    publicDns: createPublicDns([dns.address]),
    probe: async () => ({ status: 200 }),
    browse: async () => true,
    readServed: async () => {
      throw new Error("nothing serves here");
    },
    clock,
    holder: "ann@laptop",
    interrupted: () => new AbortController().signal,
    inspect: async () => ({ findings: [], how: "looked at nothing" }),
    pack: async () => packed(mkdtempSync(path.join(folder, "packing-"))),
    agentArchive: async () => ({ file, sha256: sha256("the agent"), encoding: "zstd" }),
    ...options.tools,
  };
  return {
    cloud,
    dns,
    zoneId,
    tools,
    config: parseConfig(options.toml ?? MINIMAL, path.join(folder, "everspot.toml")),
    json: () => JSON.parse(stdout.at(-1) ?? "{}") as Record<string, unknown>,
    said: () => stderr.join(""),
    forget: () => {
      stdout.length = 0;
      stderr.length = 0;
    },
    close: async () => {
      await dns.stop();
      await cloud.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A release already packed; what is in it matters to no one here. */
function packed(folder: string): Packed {
  const file = path.join(folder, "release.zip");
  writeFileSync(file, "a zip");
  const sizes = { size: 5, unpackedSize: 5, files: 1 };
  return { file, sha256: sha256("a zip"), ...sizes, bytecode: false, packages: [], findings: [] };
}

/** No one waits: sleeping moves the time on at once. */
export function skippingClock(): Clock {
  let skipped = 0;
  return {
    now: () => Date.now() + skipped,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      skipped += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
