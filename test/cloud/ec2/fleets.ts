import type { Tag } from "@aws-sdk/client-ec2";
import type { Market } from "./capacity.ts";
import type { Delays } from "./delays.ts";
import { type Fleet, type FleetConfig, isActive, type Modifiable, refusal, visible } from "./fleet.ts";
import type { FleetHabits } from "./fleet-habits.ts";
import { FleetHistory } from "./fleet-history.ts";
import { launchOne } from "./fleet-launch.ts";
import { planFleet } from "./fleet-plan.ts";
import { newFleetId } from "./ids.ts";
import { type Instance, isGone, isLive } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { LaunchWorld } from "./launch-spec.ts";
import type { Templates } from "./launch-templates.ts";
import { Shown } from "./shown.ts";

/** After a launch whose machine could not even start: not at once again, whatever the delays say. */
const BROKEN_LAUNCH = 5_000;

export type FleetWorld = LaunchWorld & {
  instances: Instances;
  templates: Templates;
  delays: Delays;
  fleetHabits: FleetHabits;
};

/** Fleets and what keeps them at their target: told of every change, they look again after a while. */
export class Fleets {
  readonly all = new Map<string, Fleet>();
  /** So many changes are accepted and then forgotten. */
  forget = 0;
  readonly #world: FleetWorld;
  readonly #history: FleetHistory;

  constructor(world: FleetWorld) {
    this.#world = world;
    this.#history = new FleetHistory(() => world.place.jobs.now(), world.network);
    world.instances.onChange((instance) => this.#noticed(instance));
    world.capacity.onChange(() => {
      for (const fleet of this.all.values()) this.#lookAgain(fleet, 0);
    });
  }

  create(config: FleetConfig, clientToken: string | undefined, tags: Tag[]): Fleet {
    const { place, delays } = this.#world;
    const fleet: Fleet = {
      ...config,
      id: newFleetId(),
      coming: undefined,
      clientToken,
      created: place.jobs.now(),
      state: "submitted",
      shown: new Shown(),
      history: [],
      leaving: new Set(),
      lastError: undefined,
      retrying: false,
      refused: new Map(),
      pausedUntil: 0,
      errors: [],
    };
    this.all.set(fleet.id, fleet);
    fleet.shown.changes(undefined, this.#now, Math.max(delays.shown, delays.fleetVisible));
    place.tags.adopt(fleet.id, "fleet", tags);
    this.#history.fleet(fleet, "submitted");
    if (fleet.type === "instant") {
      fleet.state = "active";
      return fleet;
    }
    place.jobs.start(`fleet ${fleet.id}`, async () => {
      await place.jobs.sleep(delays.fleetLaunch);
      if (fleet.state !== "submitted") return;
      this.#changes(fleet);
      fleet.state = "active";
      this.#history.fleet(fleet, "active");
      this.#reconcile(fleet);
    });
    return fleet;
  }

  /** Launches all of an instant fleet's target, once. */
  fulfilNow(fleet: Fleet, tags: Tag[]): Instance[] {
    const { tags: register } = this.#world.place;
    const wanted: Market[] = [
      ...Array<Market>(fleet.target.onDemand).fill("on-demand"),
      ...Array<Market>(fleet.target.spot).fill("spot"),
    ];
    return wanted.flatMap((market) => {
      const launched = launchOne(this.#world, fleet, market, fleet.clientToken);
      if (Array.isArray(launched)) {
        fleet.errors = launched.map(({ pool, error }) => ({ market, pool, error }));
        return [];
      }
      const own = register.of(launched.id).filter((t) => !tags.some((given) => given.Key === t.Key));
      register.adopt(launched.id, "instance", [...own, ...tags]);
      return [launched];
    });
  }

  /** The old values are shown, and in force, until it is `active` again. */
  modify(fleet: Fleet, change: Partial<Modifiable>): void {
    const { place, delays } = this.#world;
    const forgotten = this.forget > 0;
    if (forgotten) this.forget--;
    // A second change, where one is taken, comes on top of the first.
    fleet.coming = forgotten ? {} : { ...fleet.coming, ...change };
    this.#changes(fleet);
    fleet.state = "modifying";
    this.#history.fleet(fleet, "modify_in_progress");
    place.jobs.start(`modify ${fleet.id}`, async () => {
      await place.jobs.sleep(delays.fleetModify);
      this.#changes(fleet);
      Object.assign(fleet, fleet.coming);
      fleet.coming = undefined;
      if (fleet.state === "modifying") {
        fleet.state = "active";
        this.#history.fleet(fleet, "modify_succeeded");
      }
      await place.jobs.sleep(delays.fleetLaunch);
      this.#reconcile(fleet);
    });
  }

  delete(fleet: Fleet, terminateInstances: boolean): void {
    this.#changes(fleet);
    fleet.state = terminateInstances ? "deleted_terminating" : "deleted_running";
    this.#history.fleet(fleet, fleet.state);
    if (terminateInstances) {
      for (const member of this.members(fleet)) {
        this.#history.ended(fleet, member, "terminated");
        this.#world.instances.terminate(member, "Client.UserInitiatedShutdown");
      }
    }
    this.#concludeDeletion(fleet);
  }

  /** Coming up or running, oldest first; also those the fleet is about to end. */
  members(fleet: Fleet): Instance[] {
    return this.#instancesOf(fleet).filter(isLive);
  }

  /** All as readers get to see them. */
  seen(): Fleet[] {
    return [...this.all.values()].flatMap((fleet) => {
      const shown = fleet.shown.of(visible(fleet), this.#now);
      return shown === undefined ? [] : [{ ...fleet, ...shown }];
    });
  }

  #changes(fleet: Fleet): void {
    fleet.shown.changes(visible(fleet), this.#now, this.#world.delays.shown);
  }

  get #now(): number {
    return this.#world.place.jobs.clock.now();
  }

  isUnhealthy(instance: Instance): boolean {
    const { place, delays } = this.#world;
    const since = instance.impairedSince?.getTime();
    return since !== undefined && place.jobs.clock.now() - since >= delays.unhealthy;
  }

  #staying(fleet: Fleet): Instance[] {
    return this.members(fleet).filter((m) => !fleet.leaving.has(m.id));
  }

  #instancesOf(fleet: Fleet): Instance[] {
    return this.#world.instances.list().filter((i) => i.fleetId === fleet.id);
  }

  #noticed(instance: Instance): void {
    const fleet = this.all.get(instance.fleetId ?? "");
    if (fleet === undefined) return;
    if (instance.state === "shutting-down" && !fleet.leaving.has(instance.id) && isActive(fleet)) {
      this.#history.ended(fleet, instance, "terminated");
    }
    this.#concludeDeletion(fleet);
    this.#lookAgain(fleet, this.#reactionTime(fleet, instance));
  }

  /** How long until the fleet acts on what an instance shows. */
  #reactionTime(fleet: Fleet, instance: Instance): number {
    const { delays, place } = this.#world;
    if (instance.stateReason?.code === "Server.InternalError") {
      const pause = Math.max(BROKEN_LAUNCH, delays.fleetReplace);
      if (instance.state === "shutting-down") fleet.pausedUntil = place.jobs.clock.now() + pause;
      return pause;
    }
    if (isGone(instance)) return delays.fleetReplace;
    if (instance.impairedSince !== undefined) return delays.unhealthy;
    return instance.rebalance === undefined ? 0 : delays.fleetLaunch;
  }

  #lookAgain(fleet: Fleet, after: number): void {
    if (fleet.type !== "maintain" || !isActive(fleet)) return;
    const { jobs } = this.#world.place;
    jobs.start(`fleet ${fleet.id}`, async () => {
      await jobs.sleep(after);
      this.#reconcile(fleet);
    });
  }

  #reconcile(fleet: Fleet): void {
    if (!isActive(fleet)) return;
    if (fleet.replaceUnhealthy) {
      for (const member of this.#staying(fleet).filter((m) => this.isUnhealthy(m)))
        this.#end(fleet, member, 0);
    }
    this.#maintain(fleet, "on-demand", fleet.target.onDemand);
    this.#maintain(fleet, "spot", fleet.target.spot);
  }

  #maintain(fleet: Fleet, market: Market, target: number): void {
    const members = this.#staying(fleet).filter((m) => m.spec.market === market);
    const plan = planFleet(
      target,
      members.map((m) => ({
        id: m.id,
        market,
        pending: m.state === "pending",
        launched: m.launched.getTime(),
        atRisk: fleet.rebalance !== undefined && m.rebalance !== undefined,
      })),
      fleet.excess,
    );
    const byId = (id: string) => members.find((m) => m.id === id);
    for (const member of plan.terminate.flatMap((id) => byId(id) ?? [])) this.#scaleIn(fleet, member);
    if (fleet.rebalance?.strategy === "launch-before-terminate") {
      const delay = fleet.rebalance.terminationDelay * 1000;
      for (const member of plan.replaced.flatMap((id) => byId(id) ?? [])) this.#end(fleet, member, delay);
    }
    if (this.#world.place.jobs.clock.now() < fleet.pausedUntil) return;
    for (let launched = 0; launched < plan.launch; launched++) {
      if (!this.#launch(fleet, market)) break;
    }
  }

  #launch(fleet: Fleet, market: Market): boolean {
    if (fleet.templates.every((t) => this.#now < (fleet.refused.get(refusal(t)) ?? 0))) return false;
    const launched = launchOne(this.#world, fleet, market);
    if (!Array.isArray(launched)) {
      fleet.lastError = undefined;
      this.#history.launched(fleet, launched);
      return true;
    }
    // Nothing failed: what could be launched would cost more than the fleet may.
    if (launched.length === 0) return false;
    this.#history.failed(fleet, launched);
    fleet.lastError = launched[0]?.error;
    this.#retry(fleet);
    return false;
  }

  #retry(fleet: Fleet): void {
    const { place, delays } = this.#world;
    const refused = /Invalid IAM Instance Profile/.test(fleet.lastError?.message ?? "");
    if (refused && delays.profileRefused > 0) {
      for (const t of fleet.templates) fleet.refused.set(refusal(t), this.#now + delays.profileRefused);
    }
    const pause = refused && delays.profileRefused > 0 ? delays.profileRefused : delays.fleetRetry;
    if (pause <= 0 || fleet.retrying) return;
    fleet.retrying = true;
    place.jobs.start(`retry ${fleet.id}`, async () => {
      await place.jobs.sleep(pause);
      fleet.retrying = false;
      this.#reconcile(fleet);
    });
  }

  /** A spot instance that goes because the target was lowered gets the usual notice. */
  #scaleIn(fleet: Fleet, member: Instance): void {
    const { delays, instances, place } = this.#world;
    const notice = member.spec.market === "spot" ? delays.scaleInNotice : 0;
    this.#history.ended(fleet, member, "termination_notified");
    this.#end(fleet, member, notice);
    if (notice > 0) {
      const time = new Date(place.jobs.clock.now() + notice);
      instances.notify(member, { spotAction: { action: "terminate", time } });
    }
  }

  #end(fleet: Fleet, member: Instance, after: number): void {
    if (fleet.leaving.has(member.id)) return;
    fleet.leaving.add(member.id);
    const { jobs } = this.#world.place;
    jobs.start(`fleet ${fleet.id} ends ${member.id}`, async () => {
      await jobs.sleep(after);
      if (isGone(member)) return;
      this.#history.ended(fleet, member, "terminated");
      const spot = member.spec.market === "spot";
      this.#world.instances.terminate(
        member,
        spot ? "Server.SpotInstanceTermination" : "Client.UserInitiatedShutdown",
      );
    });
  }

  #concludeDeletion(fleet: Fleet): void {
    if (fleet.state !== "deleted_terminating" && fleet.state !== "deleted_running") return;
    if (this.#instancesOf(fleet).some((i) => i.state !== "terminated")) return;
    fleet.state = "deleted";
    this.#history.fleet(fleet, "deleted");
  }
}
