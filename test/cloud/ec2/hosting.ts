import type { CreditMode, Machine, Machines } from "../machines.ts";
import { creditsOf } from "./credit-modes.ts";
import { type Instance, isGone } from "./instance.ts";
import type { MetadataService } from "./instance-view.ts";
import type { Place } from "./place.ts";
import type { Profiles } from "./profiles.ts";
import { viewOf } from "./view.ts";

/**
 * The machines behind the instances, and the metadata service of each. What is asked for one machine happens one
 * after another, whatever became of the earlier; different machines go their own ways.
 */
export class Hosting {
  readonly #machines: Machines;
  readonly #metadata: MetadataService;
  readonly #viewOf: (instance: Instance) => ReturnType<typeof viewOf>;
  readonly #queues = new Map<string, Promise<void>>();
  readonly #metadataEnds = new Map<string, () => Promise<void>>();

  constructor(place: Place, profiles: Profiles, machines: Machines, metadata: MetadataService) {
    this.#machines = machines;
    this.#metadata = metadata;
    this.#viewOf = (instance) => viewOf(place, profiles, instance);
  }

  onExit(listener: (instanceId: string) => void): void {
    this.#machines.onExit(listener);
  }

  /** Boots the machine of an instance that is still wanted; its metadata service answers before. */
  boot(instance: Instance): Promise<void> {
    return this.#inTurn(instance, async () => {
      if (instance.state !== "pending") return;
      this.#metadataEnds.set(instance.id, await this.#metadata(this.#viewOf(instance)));
      await this.#machines.start(machineOf(instance));
    });
  }

  /** The machine is down afterwards, and its metadata service gone. */
  shutDown(instance: Instance, how: { graceSeconds: number } | "kill"): Promise<void> {
    // A machine that is cut off does not wait for its turn; in its turn it is cut off again, if it came up meanwhile.
    if (how === "kill") void this.#machines.kill(instance.id).catch(() => {});
    return this.#inTurn(instance, async () => {
      if (how === "kill") await this.#machines.kill(instance.id);
      else await this.#machines.stop(instance.id, how.graceSeconds);
      await this.#endMetadata(instance.id);
    });
  }

  setCredits(instance: Instance, mode: CreditMode): void {
    this.#machines.setCredits(instance.id, mode);
  }

  reboot(instance: Instance): Promise<void> {
    return this.#inTurn(instance, () => this.#machines.reboot(instance.id));
  }

  /** Forgets the disk of a machine that is down. */
  remove(instance: Instance): Promise<void> {
    return this.#inTurn(instance, () => this.#machines.remove(instance.id));
  }

  /** Copies the disk into an image; with `downFor` seconds of grace the machine is shut down meanwhile. */
  snapshot(instance: Instance, imageId: string, downFor: number | undefined): Promise<void> {
    return this.#inTurn(instance, async () => {
      const restart = downFor !== undefined && instance.state === "running";
      if (restart) await this.#machines.stop(instance.id, downFor);
      await this.#machines.snapshot(instance.id, imageId);
      if (restart && !isGone(instance)) await this.#machines.start(machineOf(instance));
    });
  }

  /** Ends the metadata services; the machines are for their owner to end. */
  async close(): Promise<void> {
    for (const id of [...this.#metadataEnds.keys()]) await this.#endMetadata(id);
  }

  async #endMetadata(instanceId: string): Promise<void> {
    const end = this.#metadataEnds.get(instanceId);
    this.#metadataEnds.delete(instanceId);
    await end?.();
  }

  #inTurn(instance: Instance, work: () => Promise<void>): Promise<void> {
    const turn = (this.#queues.get(instance.id) ?? Promise.resolve()).then(work);
    this.#queues.set(
      instance.id,
      turn.catch(() => {}),
    );
    return turn;
  }
}

const machineOf = (instance: Instance): Machine => ({
  instanceId: instance.id,
  imageId: instance.spec.image.id,
  instanceType: instance.spec.type.name,
  credits: creditsOf(instance.spec.type.name, instance.credits),
  address: instance.address ?? "",
  availabilityZone: instance.spec.subnet.zone,
  userData: instance.spec.userData,
});
