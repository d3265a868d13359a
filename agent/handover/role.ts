import type { Logger } from "pino";
import type { Machine } from "../machine/machine.ts";
import { type Claimant, claimSite } from "../ownership/claim.ts";
import { claimantOf, claimContext } from "../ownership/claim-context.ts";
import { isGone } from "../ownership/gone.ts";
import { publishRecords } from "../ownership/records.ts";
import { HAND_OVER_TTL, keepTtl } from "../ownership/ttl.ts";
import type { Fleet } from "../ports/fleet.ts";
import type { BootLog } from "../record/recorder.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument } from "../site/document.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { siteDocument } from "../site/documents/site-state.ts";
import { messageOf } from "../site/errors.ts";
import { appUnit } from "../system/paths.ts";
import { startForwarding, stopForwarding } from "./forward.ts";
import { handOver } from "./hand-over.ts";
import { ensureReplacement, type ReplacementContext } from "./replacement.ts";
import type { TurnGround } from "./state-turn.ts";
import { Tasks } from "./tasks.ts";
import { tidy } from "./tidy.ts";
import { turnGround } from "./turn-ground.ts";

const TIDY_SECONDS = 15;
const TAKE_BACK_SECONDS = 5;
const FORWARD_RETRY_SECONDS = 5;

export interface RoleContext {
  machine: Machine;
  launched: Date;
  /** The release that the app on this machine is of. */
  release: string;
  /** The fleet that launched this instance; undefined when none did. */
  fleet: Fleet | undefined;
  recorder: BootLog;
  log: Logger;
  signal: AbortSignal;
  /** What an owner does besides: ends when the signal is aborted. */
  duties(release: string, signal: AbortSignal): Promise<void>[];
  /** Whether another instance is expected to take the site over soon. */
  handOverNear(): boolean;
}

/** Why and how another instance is to come. */
export type Need = Pick<ReplacementContext, "bridge" | "noticed">;

/** The new owner, as site.json has it. */
export interface Successor {
  by: string;
  epoch: number;
  privateAddress: string;
}

/**
 * What this instance is for the site, and what it does in that role: the owner keeps the records and tidies up after a
 * hand-over; any other instance forwards to the owner, and takes the site back when the owner is gone. A change of
 * role ends everything the old role did.
 */
export class Role {
  readonly #context: RoleContext;
  readonly #tasks: Tasks;
  #term = new AbortController();
  #replacing = new AbortController();
  /** Undefined as long as no replacement is needed. */
  #need: Need | undefined;
  #owner: { epoch: number; release: string } | undefined;
  /** The hand-over of a site with state that is under way; with the epoch that it is about, if known. */
  #turn: { epoch: number | undefined } | undefined;
  /** AWS takes this machine in a moment. */
  #leaving = false;
  /** What this machine serves, to whomever. */
  #release: string;

  constructor(context: RoleContext) {
    this.#context = context;
    const { clock, rounds } = context.machine;
    this.#tasks = new Tasks({ clock, rounds, log: context.log, signal: context.signal });
    this.#release = context.release;
  }

  /** The release it serves as the owner; undefined when it does not own the site. */
  get owned(): { epoch: number; release: string } | undefined {
    return this.#owner;
  }

  /** Ends when asked to, together with everything it started. */
  async ended(): Promise<void> {
    const { signal } = this.#context;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    this.#term.abort(signal.reason);
    await this.#tasks.ended();
  }

  /** This instance owns the site from here on, with records of this TTL. */
  own(epoch: number, release: string, ttl: number): void {
    const { machine, recorder, fleet } = this.#context;
    const { config, clock, identity, zone } = machine;
    const signal = this.#begin();
    this.#owner = { epoch, release };
    this.#release = release;
    recorder.change({ state: "serving", epoch, release });
    const since = clock.now();

    const publish = async (next: number): Promise<boolean> => {
      const { published } = await publishRecords(zone, {
        domain: config.domain,
        aliases: config.aliases,
        fence: { epoch, owner: identity.instance },
        address: identity.address,
        ttl: next,
      });
      if (published) this.#tell(`the records' TTL is ${next} s`);
      return published;
    };
    const short = Math.min(HAND_OVER_TTL, config.dns.ttl);
    const wanted = () => (this.#context.handOverNear() ? short : config.dns.ttl);
    const onTrouble = (error: unknown) => this.#context.log.warn(`records: ${messageOf(error)}`);
    const member = machine.rounds.join("records");
    this.#tasks.run("records", () =>
      keepTtl(ttl, wanted, publish, { clock: member.on(clock), signal, onTrouble }).finally(() =>
        member.leave(),
      ),
    );
    for (const duty of this.#context.duties(release, signal)) this.#tasks.run("duty", () => duty);

    const stale = () =>
      machine.state === undefined ? stopForwarding(machine.units) : this.#ground(machine).letGo(signal);
    this.#tasks.run("forwarding", stale);
    if (this.#need !== undefined) this.needReplacement(this.#need);
    if (fleet === undefined) return;
    this.#tasks.every(TIDY_SECONDS, "tidying", signal, async () => {
      const done = await tidy({
        me: this.#me(),
        peers: machine.peers,
        fleet,
        handingOver: async () =>
          this.#context.handOverNear() || (await runningDeploy(machine.store, clock)) !== undefined,
        owns: async () =>
          (await readDocument(machine.store, siteDocument)).value?.owner === identity.instance,
        ownedSeconds: () => (clock.now() - since) / 1000,
        drain: config.dns.drain,
      });
      for (const what of done) this.#tell(what);
      return true;
    });
  }

  /** The owner serves a different release: site.json says so, and the owner's duties start again with it. */
  async serves(release: string): Promise<void> {
    this.#release = release;
    if (this.#owner === undefined) return;
    const { machine, signal } = this.#context;
    const context = await claimContext(machine, signal);
    const claim = await claimSite(this.#claimant(), context);
    if (claim.owner) this.own(claim.epoch, release, context.ttl);
  }

  /** Another instance owns the site, or is about to. @param to it; undefined while it is still taking over. */
  standBy(to?: Successor): void {
    const { machine, recorder } = this.#context;
    // What is under way about this one goes on: it sees by itself how far the other is.
    if (this.#turn !== undefined && to !== undefined && this.#turn.epoch === to.epoch) return;
    const signal = this.#begin();
    this.#owner = undefined;
    recorder.change({ state: "standby" });
    const { state } = machine;
    if (state !== undefined) {
      this.#turn = { epoch: to?.epoch };
      const passedOn = (): void => {
        recorder.change({ state: "forwarding" });
        if (to !== undefined) this.#tell(`forwards requests to ${to.by}`);
      };
      const owns = (epoch: number, ttl: number) => this.own(epoch, this.#release, ttl);
      const leaving = this.#leaving;
      const around = { machine, state, passedOn, owns, leaving, tell: (what: string) => this.#tell(what) };
      handOver({ ...around, ground: this.#ground(machine), me: this.#claimant() }, this.#tasks, signal);
      return;
    }
    if (to !== undefined) {
      this.#tasks.every(FORWARD_RETRY_SECONDS, "forwarding", signal, async () => {
        await startForwarding(machine, to.privateAddress, signal);
        // Its workers are replaced, so that WebSockets are asked to reconnect: they reach the new owner.
        if (machine.config.app.asgi !== undefined) await machine.units.reload(appUnit(this.#release));
        recorder.change({ state: "forwarding" });
        this.#tell(`forwards requests to ${to.by}`);
        return false;
      });
    }
    this.#tasks.every(TAKE_BACK_SECONDS, "taking the site back", signal, (by) => this.#takeBack(by, signal));
  }

  /** With state: whether requests wait or go elsewhere, so that the app here need not answer. */
  async isAway(): Promise<boolean> {
    const { machine } = this.#context;
    return machine.state !== undefined && (await this.#ground(machine).held());
  }

  /** AWS takes this machine now: what the site has written is sealed, and visitors get a 503 page until another serves. */
  async closes(): Promise<void> {
    const { machine } = this.#context;
    if (machine.state === undefined || this.#owner === undefined) return;
    this.#leaving = true;
    await this.#ground(machine).close();
    this.standBy();
  }

  /** Makes sure that another instance is coming. */
  needReplacement(need: Need): void {
    const { machine, fleet } = this.#context;
    this.#need = need;
    if (fleet === undefined || this.#owner === undefined) return;
    this.#replacing.abort();
    this.#replacing = new AbortController();
    const signal = AbortSignal.any([this.#term.signal, this.#replacing.signal]);
    this.#tasks.every(5, "replacement", signal, async (clock) => {
      const next = await ensureReplacement({
        me: this.#me(),
        peers: machine.peers,
        ...{ fleet, clock },
        ...need,
        onProgress: (what) => this.#tell(what),
        signal,
      });
      this.#tell(`${next} will take over`);
      return false;
    });
  }

  #ground(machine: Machine): TurnGround {
    return turnGround(machine, () => this.#release);
  }

  #claimant(): Claimant {
    const { machine, launched } = this.#context;
    return claimantOf(machine, launched, this.#release);
  }

  #me(): { instance: string; launched: Date; onDemand: boolean } {
    const { machine, launched } = this.#context;
    const { identity } = machine;
    return { instance: identity.instance, launched, onDemand: identity.lifeCycle === "on-demand" };
  }

  async #takeBack(clock: Clock, signal: AbortSignal): Promise<boolean> {
    const { recorder } = this.#context;
    const machine = { ...this.#context.machine, clock };
    const { identity } = machine;
    const { value: state } = await readDocument(machine.store, siteDocument);
    if (state === undefined) return true;
    if (state.owner !== identity.instance && !(await isGone(machine.peers, state.owner, clock, signal)))
      return true;
    if (!(await machine.host.ask()).ok) return true;
    this.#tell(`${state.owner}, which owns the site, is gone: taking it back`);
    await stopForwarding(machine.units);
    recorder.change({ state: "standby" });
    const context = await claimContext(machine, signal);
    const claim = await claimSite(this.#claimant(), context);
    if (!claim.owner) return true;
    this.own(claim.epoch, this.#release, context.ttl);
    return false;
  }

  #begin(): AbortSignal {
    this.#turn = undefined;
    this.#term.abort();
    this.#term = new AbortController();
    return AbortSignal.any([this.#term.signal, this.#context.signal]);
  }

  #tell(what: string): void {
    this.#context.recorder.event(what);
    this.#context.log.info(what);
  }
}
