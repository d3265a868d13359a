import type { InstanceStateName } from "@aws-sdk/client-ec2";
import type { CreditMode } from "../machines.ts";
import { AwsError } from "../wire/errors.ts";
import { Addresses } from "./addresses.ts";
import type { Delays } from "./delays.ts";
import { incorrectInstanceState, need } from "./errors.ts";
import type { Hosting } from "./hosting.ts";
import { newId } from "./ids.ts";
import { type EndReason, type Instance, isGone, setReason } from "./instance.ts";
import type { LaunchSpec } from "./launch-spec.ts";
import type { Network } from "./network.ts";
import type { Place } from "./place.ts";
import { Shown } from "./shown.ts";
import type { Volume } from "./volumes.ts";

export type { InstanceView, MetadataService, RoleCredentials } from "./instance-view.ts";

/** Who asked for a launch. */
export interface Origin {
  reservationId: string;
  clientToken?: string | undefined;
  fleetId?: string | undefined;
  /** The `aws:` tags of fleet and launch template. */
  systemTags?: { Key: string; Value: string }[];
}

/** Instances and their way through the states; every change goes to the driver of the machines as well. */
export class Instances {
  readonly volumes = new Map<string, Volume>();
  readonly #all = new Map<string, Instance>();
  readonly #place: Place;
  readonly #network: Network;
  readonly #hosting: Hosting;
  readonly #delays: Delays;
  readonly #addresses = new Addresses();
  readonly #listeners: ((instance: Instance) => void)[] = [];

  constructor(place: Place, network: Network, hosting: Hosting, delays: Delays) {
    this.#place = place;
    this.#network = network;
    this.#hosting = hosting;
    this.#delays = delays;
    hosting.onExit((id) => {
      const instance = this.#all.get(id);
      if (instance?.state === "running") this.#poweredOff(instance);
    });
  }

  /** Told after every change of state and every notice. */
  onChange(listener: (instance: Instance) => void): void {
    this.#listeners.push(listener);
  }

  /** All that AWS would still list; terminated ones disappear after a while. */
  list(): Instance[] {
    const oldest = this.#place.jobs.clock.now() - this.#delays.terminatedVisible;
    for (const instance of this.#all.values()) {
      if (instance.terminated !== undefined && instance.terminated.getTime() < oldest) {
        this.#all.delete(instance.id);
        this.#place.tags.drop(instance.id);
        this.#place.tags.drop(instance.spotRequestId ?? "");
      }
    }
    return [...this.#all.values()];
  }

  /** The same as readers get to see them. */
  seen(): Instance[] {
    const now = this.#place.jobs.clock.now();
    return this.list().flatMap((instance) => {
      const state = instance.shown.of(instance.state, now);
      return state === undefined ? [] : state === instance.state ? [instance] : [{ ...instance, state }];
    });
  }

  /** @throws AwsError InvalidInstanceID.Malformed | InvalidInstanceID.NotFound */
  find(id: string | undefined, among: readonly Instance[] = this.list()): Instance {
    const wanted = need(id, "InstanceId");
    if (!/^i-[0-9a-f]{8,17}$/.test(wanted)) {
      throw new AwsError("InvalidInstanceID.Malformed", `Invalid id: "${wanted}"`);
    }
    const instance = among.find((i) => i.id === wanted);
    if (instance !== undefined) return instance;
    throw new AwsError("InvalidInstanceID.NotFound", `The instance ID '${wanted}' does not exist`);
  }

  launch(spec: LaunchSpec, origin: Origin): Instance {
    const spot = spec.market === "spot";
    const instance: Instance = {
      id: newId("i"),
      reservationId: origin.reservationId,
      spec,
      clientToken: origin.clientToken,
      volumeId: newId("vol"),
      interfaceId: newId("eni"),
      spotRequestId: spot ? newId("sir") : undefined,
      fleetId: origin.fleetId,
      state: "pending",
      shown: new Shown(),
      launched: this.#place.jobs.now(),
      address: this.#addresses.take(),
      stateReason: undefined,
      transitionReason: "",
      spotAction: undefined,
      rebalance: undefined,
      credits: spec.credits,
      impairedSince: undefined,
      terminated: undefined,
    };
    this.#all.set(instance.id, instance);
    instance.shown.changes(undefined, this.#place.jobs.clock.now(), this.#delays.shown);
    const { tags } = this.#place;
    tags.adopt(instance.id, "instance", [...spec.tags.instance, ...(origin.systemTags ?? [])]);
    tags.adopt(instance.volumeId, "volume", spec.tags.volume);
    this.volumes.set(instance.volumeId, {
      id: instance.volumeId,
      instanceId: instance.id,
      zone: spec.subnet.zone,
      sizeGiB: spec.rootVolume.sizeGiB,
      type: spec.rootVolume.type,
      created: instance.launched,
    });
    tags.adopt(instance.interfaceId, "network-interface", spec.tags.interface);
    if (instance.spotRequestId !== undefined) {
      tags.adopt(instance.spotRequestId, "spot-instances-request", spec.tags.spotRequest);
    }
    this.#connect(instance);
    this.#boot(instance);
    return instance;
  }

  /** Idempotent. `kill` cuts the machine off at once, as when its host dies. */
  terminate(instance: Instance, reason: EndReason, how: { kill?: boolean } = {}): void {
    if (isGone(instance)) {
      if (how.kill && instance.state === "shutting-down") {
        this.#place.jobs.start(`kill ${instance.id}`, () => this.#hosting.shutDown(instance, "kill"));
      }
      return;
    }
    setReason(instance, reason, this.#place.jobs.now());
    this.#become(instance, "shutting-down");
    this.#place.jobs.start(`terminate ${instance.id}`, async () => {
      await this.#hosting.shutDown(instance, how.kill ? "kill" : this.#grace);
      await this.#place.jobs.sleep(this.#delays.shutdown);
      await this.#hosting.remove(instance);
      this.#release(instance);
      instance.terminated = this.#place.jobs.now();
      this.#become(instance, "terminated");
    });
  }

  /** @throws AwsError for an instance AWS does not stop. */
  stop(
    instance: Instance,
    reason: EndReason = "Client.UserInitiatedShutdown",
    how: { force?: boolean } = {},
  ): void {
    if (instance.state === "stopped" || instance.state === "stopping") return;
    if (instance.state !== "running" && instance.state !== "pending") {
      throw incorrectInstanceState(
        `This instance '${instance.id}' is not in a state from which it can be stopped.`,
      );
    }
    if (instance.spec.market === "spot" && !instance.spec.spot.persistent) {
      throw new AwsError(
        "UnsupportedOperation",
        `You can't stop the Spot Instance '${instance.id}' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.`,
      );
    }
    setReason(instance, reason, this.#place.jobs.now());
    this.#become(instance, "stopping");
    this.#place.jobs.start(`stop ${instance.id}`, async () => {
      await this.#hosting.shutDown(instance, how.force ? "kill" : this.#grace);
      await this.#place.jobs.sleep(this.#delays.shutdown);
      if (instance.state !== "stopping") return;
      const face = this.#network.interfaces.get(instance.interfaceId);
      if (face !== undefined) face.publicIp = undefined;
      if (instance.address !== undefined) this.#addresses.free(instance.address);
      instance.address = undefined;
      this.#become(instance, "stopped");
    });
  }

  /** With another address: the public one changes at AWS too; that the private one does is ours. */
  start(instance: Instance): void {
    if (instance.state === "running" || instance.state === "pending") return;
    if (instance.state !== "stopped") {
      throw incorrectInstanceState(
        `The instance '${instance.id}' is not in a state from which it can be started.`,
      );
    }
    instance.address = this.#addresses.take();
    instance.launched = this.#place.jobs.now();
    instance.stateReason = undefined;
    instance.transitionReason = "";
    this.#connect(instance);
    this.#become(instance, "pending");
    this.#boot(instance);
  }

  reboot(instance: Instance): void {
    if (instance.state !== "running" && instance.state !== "pending") {
      throw incorrectInstanceState(`The instance '${instance.id}' is not in the 'running' state.`);
    }
    this.#place.jobs.start(`reboot ${instance.id}`, () => this.#hosting.reboot(instance));
  }

  /** Copies the disk into an image; with `reboot` the machine is shut down for it and boots again. */
  snapshot(instance: Instance, imageId: string, how: { reboot: boolean }): Promise<void> {
    return this.#hosting.snapshot(instance, imageId, how.reboot ? this.#grace.graceSeconds : undefined);
  }

  /** The interruption notice, and the rebalance recommendation that comes with it when there was none. */
  notify(
    instance: Instance,
    notice: { spotAction?: Instance["spotAction"]; rebalance?: Instance["rebalance"] },
  ): void {
    if (notice.spotAction !== undefined) instance.spotAction = notice.spotAction;
    if (notice.rebalance !== undefined) instance.rebalance ??= notice.rebalance;
    this.#tell(instance);
  }

  impair(instance: Instance, impaired: boolean): void {
    instance.impairedSince = impaired ? this.#place.jobs.now() : undefined;
    this.#tell(instance);
  }

  #boot(instance: Instance): void {
    this.#place.jobs.start(`start ${instance.id}`, async () => {
      await this.#place.jobs.sleep(this.#delays.pending);
      try {
        await this.#hosting.boot(instance);
      } catch (error) {
        this.terminate(instance, "Server.InternalError");
        throw error;
      }
      if (instance.state === "pending") this.#become(instance, "running");
    });
  }

  /** Idempotent; also of a machine that is being started. */
  setCredits(instance: Instance, mode: CreditMode): void {
    instance.credits = mode;
    this.#hosting.setCredits(instance, mode);
  }

  /** `poweroff` inside: spot instances of one-time requests end, others do as they were launched to. */
  #poweredOff(instance: Instance): void {
    const { spec } = instance;
    const ends = spec.shutdownBehavior === "terminate" || (spec.market === "spot" && !spec.spot.persistent);
    if (ends) this.terminate(instance, "Client.InstanceInitiatedShutdown");
    else this.stop(instance, "Client.InstanceInitiatedShutdown");
  }

  #connect(instance: Instance): void {
    const { subnet, groupIds, publicAddress } = instance.spec;
    this.#network.interfaces.set(instance.interfaceId, {
      id: instance.interfaceId,
      instanceId: instance.id,
      subnetId: subnet.id,
      vpcId: subnet.vpcId,
      groupIds,
      publicIp: publicAddress ? instance.address : undefined,
      privateIp: instance.address ?? "",
    });
  }

  #release(instance: Instance): void {
    this.#network.interfaces.delete(instance.interfaceId);
    if (instance.address !== undefined) this.#addresses.free(instance.address);
    instance.address = undefined;
    this.#place.tags.drop(instance.interfaceId);
    const volume = this.volumes.get(instance.volumeId);
    if (volume !== undefined) volume.instanceId = undefined;
    if (!instance.spec.rootVolume.deleteOnTermination) return;
    this.volumes.delete(instance.volumeId);
    this.#place.tags.drop(instance.volumeId);
  }

  #become(instance: Instance, state: InstanceStateName): void {
    instance.shown.changes(instance.state, this.#place.jobs.clock.now(), this.#delays.shown);
    instance.state = state;
    this.#tell(instance);
  }

  #tell(instance: Instance): void {
    for (const listener of this.#listeners) listener(instance);
  }

  get #grace(): { graceSeconds: number } {
    return { graceSeconds: this.#delays.grace / 1000 };
  }
}
