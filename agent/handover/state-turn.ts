import type { Claim } from "../ownership/claim.ts";
import { isGone, isOver } from "../ownership/gone.ts";
import { LogLook } from "../ownership/log-look.ts";
import { CLAIM_SECONDS, nextOf, type Seen, type YieldStep } from "../ownership/state-swap.ts";
import type { Peers } from "../ports/peers.ts";
import type { StateKeeper } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument } from "../site/document.ts";
import { type SiteState, siteDocument } from "../site/documents/site-state.ts";
import { Fenced } from "../site/state/errors.ts";
import type { ObjectStore } from "../site/store.ts";

/** What visitors get on this machine, and its app. Each can be repeated. */
export interface TurnGround {
  /** Requests do not come to the app here: they wait, are passed on, or get a 503 page. */
  held(): Promise<boolean>;
  /** New requests wait from here on. */
  hold(signal: AbortSignal): Promise<void>;
  /** Visitors get a 503 page from here on, until `passOn` or `letGo`. */
  close(): Promise<void>;
  /** Returns when no request runs, or when they have had their time. */
  drain(): Promise<void>;
  /** @param to private IPv4 address. @throws EverspotError (retry) when it does not answer. */
  passOn(to: string, signal: AbortSignal): Promise<void>;
  /** The app of this machine, answering; no visitor is sent to it. @throws EverspotError */
  startApp(signal: AbortSignal): Promise<void>;
  /** What waits goes to the app of this machine, and all that comes. */
  letGo(signal: AbortSignal): Promise<void>;
}

export interface TurnContext {
  instance: string;
  state: StateKeeper;
  ground: TurnGround;
  store: ObjectStore;
  peers: Pick<Peers, "find">;
  clock: Clock;
  /** Seconds that visitors may be held. */
  pause(): Promise<number>;
  /** Whether AWS is about to take this machine: it never has the site again. */
  leaving(): boolean;
  /** Claims the site in site.json; see AboveAndOver. */
  take(how: { above: number; over: number }, signal: AbortSignal): Promise<Claim>;
  /** Called with each step before it is done. */
  onStep(step: YieldStep): void;
}

type Owner = Extract<Claim, { owner: true }>;

/** Milliseconds between two questions to EC2 about the other instance. */
const ASK_MS = 2_000;

/**
 * An instance of a site with state to which the site does not belong any more, or not yet again (STATE §5). It goes by
 * what there is, see nextOf: a new one of these goes on where another stopped.
 */
export class StateTurn {
  readonly #context: TurnContext;
  /** When visitors began to wait here. */
  #since: number | undefined;
  #look: LogLook | undefined;
  #asked = { at: Number.NEGATIVE_INFINITY, gone: false };

  constructor(context: TurnContext) {
    this.#context = context;
  }

  /**
   * Does what there is to do now.
   * @returns "wait": to be called again soon; "passed on"; or the claim with which this instance has the site again: its
   * records are still to be published. @throws EverspotError: to be called again.
   */
  async yields(signal: AbortSignal): Promise<"wait" | "passed on" | Owner> {
    const { ground, state, onStep, clock } = this.#context;
    for (;;) {
      signal.throwIfAborted();
      const { value: site } = await readDocument(this.#context.store, siteDocument);
      const seen = await this.#see(site);
      const next = nextOf(seen);
      switch (next) {
        case "wait":
          return "wait";
        case "hold":
          onStep("hold");
          await ground.hold(signal);
          this.#since ??= clock.now();
          break;
        case "seal":
          onStep("seal");
          await ground.drain();
          await state.seal().catch((error: unknown) => {
            // A later owner has the log; the app is ended all the same.
            if (!(error instanceof Fenced)) throw error;
          });
          break;
        case "pass on":
          if (site === undefined) return "wait";
          onStep("pass on");
          await ground.passOn(site.privateAddress, signal);
          return "passed on";
        case "go back": {
          const back = await this.#goBack(Number.NEGATIVE_INFINITY, signal);
          return back ?? "wait";
        }
      }
    }
  }

  /**
   * Takes the site back from an owner that is gone, or from one whose claim did not come to anything.
   * @returns undefined: there is no reason to.
   */
  async takesBack(signal: AbortSignal): Promise<Owner | undefined> {
    const { store, peers, clock, instance } = this.#context;
    const { value: site, date } = await readDocument(store, siteDocument);
    if (site === undefined) return undefined;
    if (site.owner !== instance && !(await isGone(peers, site.owner, clock, signal))) {
      const age = ((date?.getTime() ?? clock.now()) - Date.parse(site.since)) / 1000;
      if (site.state === "serving" || age < CLAIM_SECONDS) return undefined;
      if ((await (await this.#log()).look()).opened) return undefined;
    }
    return this.#goBack(CLAIM_SECONDS, signal);
  }

  async #see(site: SiteState | undefined): Promise<Seen> {
    const { state, ground, clock, instance, pause, leaving } = this.#context;
    const [held, ended, status] = await Promise.all([ground.held(), state.sealed(), state.status()]);
    const log = status === undefined ? undefined : LOG[status.state];
    const other = site !== undefined && site.owner !== instance ? site : undefined;
    if (!held || !ended || log === "unsealed") return { held, ended, log, opened: false, over: false };
    this.#since ??= clock.now();
    const opened = other !== undefined && (other.state === "serving" || (await this.#openedBy(other.epoch)));
    if (opened || leaving()) return { held, ended, log, opened, over: false };
    const waited = (clock.now() - this.#since) / 1000;
    const over = other === undefined || waited >= (await pause()) || (await this.#gone(other.owner));
    return { held, ended, log, opened, over };
  }

  async #openedBy(epoch: number): Promise<boolean> {
    const seen = await (await this.#log()).look();
    return seen.opened && seen.epoch >= epoch;
  }

  async #log(): Promise<LogLook> {
    const { state, store } = this.#context;
    if (this.#look !== undefined) return this.#look;
    const status = await state.status();
    this.#look =
      status === undefined || status.state === "starting"
        ? await LogLook.atEnd(store)
        : new LogLook(store, status.seq, status.epoch);
    return this.#look;
  }

  /** EC2's last word alone: what is doubtful is settled by the pause. */
  async #gone(instance: string): Promise<boolean> {
    const { peers, clock } = this.#context;
    if (clock.now() - this.#asked.at < ASK_MS) return this.#asked.gone;
    const found = await peers.find(instance).catch(() => undefined);
    this.#asked = { at: clock.now(), gone: isOver(found?.state) };
    return this.#asked.gone;
  }

  async #goBack(over: number, signal: AbortSignal): Promise<Owner | undefined> {
    const { state, ground, take, onStep } = this.#context;
    const kept = await state.kept();
    const { epoch: fenced } = await (await this.#log()).look();
    onStep("claim back");
    const claim = await take({ above: Math.max(fenced, kept?.epoch ?? 0), over }, signal);
    if (!claim.owner) return undefined;
    const { epoch } = claim;
    try {
      onStep("fence back");
      await state.stop();
      const back = kept?.sealed ? await state.goBack(epoch, signal) : undefined;
      // Another one was open, or this one did not come to its seal: what is here is not what the log is.
      if (!back?.rewound) await state.takeOver(epoch, signal);
      onStep("start");
      await state.start(epoch, signal);
      await ground.startApp(signal);
      onStep("open again");
      await state.open();
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      return undefined;
    } finally {
      this.#look = undefined;
    }
    onStep("let go");
    await ground.letGo(signal);
    this.#since = undefined;
    return claim;
  }
}

const LOG = { starting: "unsealed", shipping: "unsealed", sealed: "sealed", fenced: "fenced" } as const;
