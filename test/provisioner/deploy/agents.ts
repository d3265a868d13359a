import type { Clock } from "../../../agent/site/clock.ts";
import { resourceName } from "../../../agent/site/names.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import { Commands } from "../../agent/jobs/command.ts";
import type { Cloud } from "../../cloud/cloud.ts";
import { type Machines, simulatedMachines } from "../../cloud/machines.ts";
import { type Behaviour, live } from "./agent.ts";

interface Site {
  cloud: Cloud;
  site: string;
  domain: string;
  aliases: readonly string[];
  schedule: SiteConfig["schedule"];
  zone: string;
  clock: Clock;
}

/** An agent on each instance of a site, with the credentials of the instance; see agent.ts. */
export class Agents {
  readonly machines: Machines;
  /** By release; "serves" if not set. */
  readonly behaviour = new Map<string, Behaviour>();
  /** Of releases that come: counts down to what a deploy is about to publish. */
  next: Behaviour = "serves";
  /** Instead of both: by the release and the configuration that the machine was launched with, as bootstrap.sh has it. */
  decide: ((release: string, userData: string) => Behaviour) | undefined;
  /** Whether what serves becomes current. */
  promotes = true;
  readonly failures: unknown[] = [];
  /** How often the owner looks whether it still is, and whether it is to deploy. */
  lookMs = 5000;
  /** What runs the operator's commands. */
  readonly commands = new Commands();
  readonly #running = new Map<string, AbortController>();
  #site: Site | undefined;

  constructor() {
    const end = async (id: string): Promise<void> => {
      this.#running.get(id)?.abort(new Error(`${id} ends`));
      this.#running.delete(id);
    };
    this.machines = {
      ...simulatedMachines(),
      start: async ({ instanceId, address, userData }) => {
        const stop = new AbortController();
        this.#running.set(instanceId, stop);
        const told = Buffer.from(userData ?? []).toString();
        void this.#run(instanceId, address, told, stop.signal).catch((error: unknown) => {
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

  attach(site: Site): void {
    this.#site = site;
  }

  async #run(instance: string, address: string, userData: string, signal: AbortSignal): Promise<void> {
    if (this.#site === undefined) throw new Error("attach the agents first");
    const { cloud, ...site } = this.#site;
    const credentials = cloud.iam.instances.credentialsFor(resourceName(site.site), instance);
    if (credentials === undefined) throw new Error(`${instance} has no role`);
    const { endpoint, region, account } = cloud;
    await live({
      ...site,
      ...{ account, instance, address, signal, commands: this.commands },
      client: { region, endpoint, credentials },
      promotes: () => this.promotes,
      lookSeconds: () => this.lookMs / 1000,
      behaviourOf: (release, isCandidate) => {
        if (this.decide !== undefined) return this.decide(release, userData);
        const behaviour = this.behaviour.get(release) ?? (isCandidate ? this.next : "serves");
        this.behaviour.set(release, behaviour);
        return behaviour;
      },
    });
  }
}
