import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as z from "zod/mini";
import { type Channel, channelDocument } from "../../../agent/site/channel.ts";
import { type Clock, systemClock } from "../../../agent/site/clock.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { type DeployState, deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { type SiteState, siteDocument } from "../../../agent/site/documents/site-state.ts";
import { createS3Client } from "../../../agent/site/s3-client.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { type Aws, connect } from "../../../provisioner/aws/connect.ts";
import { type DeployOptions, runDeploy } from "../../../provisioner/commands/deploy.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import type { Packed } from "../../../provisioner/release/pack.ts";
import type { CloudOptions } from "../../cloud/cloud.ts";
import { sha256 } from "../sha256.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";
import { Agents } from "./agents.ts";
import { IdleClock } from "./idle-clock.ts";

export interface SwapSite extends Desk {
  agents: Agents;
  store: ObjectStore;
  /** Brings the site up, with this content if it has none. */
  up(content: string): Promise<void>;
  /** Deploys this content. */
  deploy(content: string, options?: Partial<DeployOptions>): Promise<void>;
  channel(): Promise<Channel | undefined>;
  site(): Promise<SiteState | undefined>;
  /** Who owns the site, without a call. */
  owner(): string | undefined;
  lock(): Promise<DeployState | undefined>;
  /** Instances alive and the fleet's target. */
  fleet(): Promise<{ alive: string[]; target: number | undefined }>;
}

export const deployOptions: DeployOptions = {
  inPlace: false,
  abort: false,
  refreshImage: false,
  bake: false,
  force: false,
  allow: [],
  timeout: 600,
};

/**
 * A site that is up, unless `down`, with agents on simulated machines, in time that no one waits for unless `realTime`.
 */
export async function openSwapSite(
  options: { realTime?: boolean; cloud?: CloudOptions; drain?: number; down?: boolean; toml?: string } = {},
): Promise<SwapSite> {
  const idle = options.realTime ? undefined : new IdleClock();
  const clock: Clock = idle ?? systemClock;
  const agents = new Agents();
  const desk = await openDesk({
    toml: `${MINIMAL}[fleet]\nbridge = true\n[dns]\ndrain = ${options.drain ?? 5}\n${options.toml ?? ""}`,
    clock,
    cloud: {
      ...{ clock, machines: agents.machines, zones: ["us-east-1a"], serviceLinkedRoles: true },
      // A fleet takes a while to change, and shows what it was until then.
      delays: { fleetModify: 1_000 },
      ...options.cloud,
    },
  });
  const { site, domain, aliases, schedule } = desk.config;
  agents.attach({ cloud: desk.cloud, site, domain, aliases, schedule, zone: desk.zoneId, clock });
  const bucket = "everspot-blog-123456789012-us-east-1";
  const client = createS3Client({ region: "us-east-1", endpoint: desk.cloud.endpoint });
  const store = createS3Store(client, bucket, clock);
  let seeing: Promise<Aws> | undefined;
  const up = (tools = desk.tools) =>
    runUp(desk.config, tools, { refreshImage: false, wait: true, timeout: 600 });
  if (options.down !== true) await up();
  desk.forget();
  return {
    ...desk,
    agents,
    store,
    up: (content) => up({ ...desk.tools, pack: async () => packed(content) }),
    deploy: (content, options = {}) =>
      runDeploy(
        desk.config,
        { ...desk.tools, pack: async () => packed(content) },
        { ...deployOptions, ...options },
      ),
    channel: async () => (await readDocument(store, channelDocument)).value,
    site: async () => (await readDocument(store, siteDocument)).value,
    owner: () => {
      const stored = desk.cloud.s3.buckets.get(bucket)?.current(siteDocument.key);
      return stored && z.parse(siteDocument.schema, JSON.parse(Buffer.from(stored.body).toString())).owner;
    },
    lock: async () => (await readDocument(store, deployDocument)).value,
    fleet: async () => {
      seeing ??= connect(desk.config);
      const aws = await seeing;
      const [fleet] = (await aws.fleets.look()).filter((f) => f.alive && !f.bridge);
      const alive = (await aws.instances.look()).filter((i) => i.alive).map((i) => i.id);
      return { alive, target: fleet?.target };
    },
    close: async () => {
      client.destroy();
      (await seeing)?.close();
      await desk.close();
      agents.commands.close();
      idle?.stop();
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Of releases, until a site closes. */
const folders: string[] = [];

/** A release already packed; what is in it matters to no one here. */
export function packed(content: string): Packed {
  const folder = mkdtempSync(path.join(tmpdir(), "everspot-packed-"));
  folders.push(folder);
  const file = path.join(folder, "release.zip");
  writeFileSync(file, content);
  const sizes = { size: content.length, unpackedSize: content.length, files: 1 };
  return { file, sha256: sha256(content), ...sizes, bytecode: false, packages: [], findings: [] };
}
