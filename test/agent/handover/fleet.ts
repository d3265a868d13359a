import type { Fleet, Target } from "../../../agent/ports/fleet.ts";
import type { Peer, Peers } from "../../../agent/ports/peers.ts";

/** A fleet and its instances as a test sets them, with what was asked of it. */
export class TestFleet implements Fleet, Peers {
  now: Target = { total: 1, bridge: 0 };
  peers: Peer[] = [];
  asked: (Partial<Target> | string)[] = [];

  add(instance: string, launched: Date, alive = true): void {
    const state = alive ? "running" : "terminated";
    this.peers.push({ instance, state, alive, launched, privateAddress: undefined, fleet: "fleet-1" });
  }
  async target() {
    return this.now;
  }
  async setTotal(total: number) {
    this.asked.push({ total });
    this.now = { ...this.now, total };
  }
  async setBridge(bridge: 0 | 1) {
    this.asked.push({ bridge });
    this.now = { ...this.now, bridge };
  }
  async terminate(instance: string) {
    this.asked.push(instance);
  }
  async all() {
    return this.peers;
  }
  async find(instance: string) {
    return this.peers.find((p) => p.instance === instance);
  }
}
