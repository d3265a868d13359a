import { EC2Client } from "@aws-sdk/client-ec2";
import { Route53Client } from "@aws-sdk/client-route-53";
import { S3Client } from "@aws-sdk/client-s3";
import { createPeers } from "../../../agent/aws/ec2.ts";
import { createZone } from "../../../agent/aws/route53.ts";
import { claimSite } from "../../../agent/ownership/claim.ts";
import { Candidates } from "../../../agent/release/candidates.ts";
import type { BootRecord, BootStep } from "../../../agent/site/boot-record.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { bucketName, keys, resourceName } from "../../../agent/site/names.ts";
import { deployDocument, isDeploying, siteDocument } from "../../../agent/site/records.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { Cloud } from "../../cloud/cloud.ts";
import { debianImages } from "../../cloud/ec2.ts";
import { type Machines, simulatedMachines } from "../../cloud/machines.ts";

/** Every instance of these sites began with it, also one from an image of another. */
const DEBIAN = debianImages.find((i) => i.os === "debian-13" && i.architecture === "amd64")?.id ?? "";

/** What becomes of a release on an instance: it serves, its code is bad, something else fails, or nothing ends. */
export type Behaviour = "serves" | "hangs" | { blame: string; lines: string[] } | { trouble: string };

/**
 * Stands in for the agents: real records, candidates and claims, written with the credentials of the instance; the
 * app alone is made up. An instance comes up in 3 s.
 */
export class Agents {
  readonly machines: Machines;
  /** By release; "serves" if not set. */
  readonly behaviour = new Map<string, Behaviour>();
  /** Of releases that come: counts down to what a deploy is about to publish. */
  next: Behaviour = "serves";
  /** How often the owner looks whether it still is, and whether it is to deploy. */
  lookMs = 5000;
  readonly failures: unknown[] = [];
  readonly #running = new Map<string, AbortController>();
  #site:
    | { cloud: Cloud; site: string; domain: string; aliases: string[]; zone: string; clock: Clock }
    | undefined;

  constructor() {
    const end = async (id: string): Promise<void> => {
      this.#running.get(id)?.abort();
      this.#running.delete(id);
    };
    this.machines = {
      ...simulatedMachines(),
      start: async ({ instanceId, address }) => {
        const stop = new AbortController();
        this.#running.set(instanceId, stop);
        void this.#run(instanceId, address, stop.signal).catch((error: unknown) => {
          if (!stop.signal.aborted) this.failures.push(error);
        });
      },
      stop: end,
      kill: end,
      close: async () => {
        for (const id of [...this.#running.keys()]) await end(id);
      },
    };
  }

  /** Instances that have an agent now. */
  get alive(): string[] {
    return [...this.#running.keys()];
  }

  attach(site: {
    cloud: Cloud;
    site: string;
    domain: string;
    aliases: string[];
    zone: string;
    clock: Clock;
  }): void {
    this.#site = site;
  }

  async #run(instance: string, address: string, signal: AbortSignal): Promise<void> {
    const at = this.#site;
    if (at === undefined) throw new Error("attach the agents first");
    const { cloud, clock, domain, aliases } = at;
    const role = cloud.iam.instances.credentialsFor(resourceName(at.site), instance);
    if (role === undefined) throw new Error(`${instance} has no role`);
    const client = { region: cloud.region, endpoint: cloud.endpoint, credentials: role };
    const store = createS3Store(
      new S3Client(client),
      bucketName(at.site, cloud.account, cloud.region),
      clock,
    );
    const zone = createZone(new Route53Client(client), at.zone);
    const peers = createPeers(new EC2Client(client), at.site);
    const candidates = new Candidates(store, clock);
    const now = () => new Date(clock.now()).toISOString();
    let record: BootRecord = {
      version: 2,
      site: at.site,
      instance,
      bootId: "b",
      attempt: 1,
      started: now(),
      updated: now(),
      state: "booting",
      agent: "a",
      steps: [],
      warnings: [],
    };
    const write = async (more: Partial<BootRecord>): Promise<void> => {
      signal.throwIfAborted();
      record = { ...record, ...more, updated: now() };
      await store.put(keys.boot(instance), JSON.stringify(record));
    };
    const step = (name: string, more: Partial<BootStep> = {}): BootStep => ({
      ...{ phase: "boot", name, needs: [], start: 0, seconds: 1, state: "done" },
      ...more,
    });

    const choice = await candidates.next(instance);
    await write({ release: choice.id, steps: [step("packages")] });
    await clock.sleep(3000, signal);
    const behaviour = this.behaviour.get(choice.id) ?? (choice.role === "candidate" ? this.next : "serves");
    this.behaviour.set(choice.id, behaviour);
    if (behaviour === "hangs") {
      const { seconds: _, ...running } = step("healthy", { state: "running", ownCode: true });
      return await write({ steps: [...record.steps, running] });
    }
    if (behaviour !== "serves") {
      for (let attempt = 1; attempt <= 2; attempt++) {
        const { blame, lines, error } =
          "blame" in behaviour
            ? { ...behaviour, error: behaviour.blame }
            : { blame: undefined, lines: [], error: behaviour.trouble };
        const failed = step("blame" in behaviour ? "app" : "packages", { state: "failed", error, lines });
        await write({ attempt, state: "failed", steps: [failed], ...(blame === undefined ? {} : { blame }) });
        await candidates.failed(blame);
        await clock.sleep(2000, signal);
      }
      return;
    }
    const peer = await peers.find(instance);
    const me = {
      ...{ instance, address, privateAddress: address, release: choice.id },
      launched: peer?.launched ?? new Date(0),
    };
    const claim = await claimSite(me, {
      ...{ store, zone, peers, clock, domain, aliases, signal },
      ttl: 60,
    });
    if (!claim.owner) return await write({ state: "standby" });
    await candidates.promote(choice.id);
    await write({
      state: "serving",
      epoch: claim.epoch,
      settled: now(),
      base: DEBIAN,
      steps: [...record.steps, step("app"), step("ownership")],
    });
    let done: string | undefined;
    for (;;) {
      await clock.sleep(this.lookMs, signal);
      const { value: site } = await readDocument(store, siteDocument);
      if (site !== undefined && site.owner !== instance && site.state === "serving") {
        return await write({ state: "forwarding" });
      }
      const { value: deploy } = await readDocument(store, deployDocument);
      if (!isDeploying(deploy, clock.now()) || deploy?.kind !== "in-place") continue;
      if (deploy.release === undefined || deploy.id === done) continue;
      done = deploy.id;
      await this.#inPlace({ id: deploy.id, release: deploy.release }, candidates, write, step);
      const { value: after } = await readDocument(store, siteDocument);
      if (record.inPlace?.state === "done" && after?.owner === instance) {
        await claimSite(
          { ...me, release: deploy.release },
          {
            ...{ store, zone, peers, clock, domain, aliases, signal },
            ttl: 60,
          },
        );
      }
    }
  }

  async #inPlace(
    deploy: { id: string; release: string },
    candidates: Candidates,
    write: (more: Partial<BootRecord>) => Promise<void>,
    step: (name: string, more?: Partial<BootStep>) => BootStep,
  ): Promise<void> {
    const { id, release } = deploy;
    const later = { phase: "in-place" as const };
    const behaviour = this.behaviour.get(release) ?? this.next;
    await write({ inPlace: { deploy: id, release, state: "running" }, steps: [step("fetch", later)] });
    if (typeof behaviour === "object" && "blame" in behaviour) {
      const failed = step("app", {
        ...later,
        state: "failed",
        error: behaviour.blame,
        lines: behaviour.lines,
      });
      const state = { deploy: id, release, state: "failed", reason: behaviour.blame } as const;
      return await write({ inPlace: state, steps: [failed], blame: behaviour.blame });
    }
    await candidates.promote(release);
    await write({ release, inPlace: { deploy: id, release, state: "done" }, steps: [step("app", later)] });
  }
}
