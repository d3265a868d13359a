import type { Logger } from "pino";
import type { Alerts } from "../notify/alerts.ts";
import type { Notify } from "../notify/notify.ts";
import type { BootLog } from "../record/recorder.ts";
import { channelDocument, fallbackOf } from "../site/channel.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import { messageOf } from "../site/errors.ts";
import { budgetOf, giveUp, hasGivenUp, replacementsDocument } from "../site/replacements.ts";
import type { ObjectStore } from "../site/store.ts";
import { type Remedy, remedyFor } from "./remedy.ts";

/** Seconds between two looks whether an app that was given up answers again. */
const LOOK_SECONDS = 10;

export interface WatchdogContext {
  instance: string;
  store: ObjectStore;
  clock: Clock;
  recorder: Pick<BootLog, "change" | "event" | "forgive">;
  log: Logger;
  signal: AbortSignal;
  notify: Notify;
  alerts: Pick<Alerts, "raise" | "clear">;
  /** Has the fleet launch another instance, which ends this one once it serves; undefined when no fleet launched this. */
  replace: (() => void) | undefined;
  /** The release that this instance serves as the owner; undefined when it does not own the site. */
  owned(): string | undefined;
  /** Whether a deploy is under way: then releases are its business. */
  deploying(): boolean;
  app: AppControl;
}

/** The app on this machine. */
export interface AppControl {
  restart(release: string): Promise<void>;
  /** Serves another release from here on. @returns whether it does. */
  serve(release: string, instead: string): Promise<boolean>;
  /** Whether the release itself answers, whatever visitors get. */
  answers(release: string): Promise<boolean>;
  /** Whether nothing is to be done: maintenance, or its state is sealed, or does not come into the bucket. */
  held(): Promise<boolean>;
  /** Visitors get the 503 page, or the release again. */
  hide(): Promise<void>;
  show(release: string): Promise<void>;
}

/**
 * Cures an app that fails its health check: restarts it, goes back to the release before if this one never was good,
 * else has the machine replaced within the site's budget: the new one comes first, so that this one goes on with what it
 * still answers, forwards when the other serves, and is not lost when there is no capacity. When that is spent it stays up, gives visitors a 503 page, says
 * so in the boot record, and serves again as soon as the app answers. One remedy runs at a time.
 */
export class Watchdog {
  readonly #context: WatchdogContext;
  readonly #tried = new Set<Remedy>();
  #busy: Promise<void> | undefined;
  #hidden: Promise<void> | undefined;

  constructor(context: WatchdogContext) {
    this.#context = context;
  }

  /** The app has been failing for so long. Resolves when what is done about it is done; never rejects. */
  failing(seconds: number, seen: string): Promise<void> {
    const { log, signal } = this.#context;
    this.#busy ??= this.#cure(seconds, seen)
      .catch((error: unknown) => {
        if (!signal.aborted) log.error({ err: error }, `the failing app: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#busy = undefined;
      });
    return this.#busy;
  }

  /** The app answers again. */
  recovered(): void {
    this.#tried.clear();
  }

  /** Resolves when nothing runs any more; to be called once the signal is aborted. */
  async ended(): Promise<void> {
    await this.#busy;
    await this.#hidden;
  }

  async #cure(seconds: number, seen: string): Promise<void> {
    const { owned, deploying, store, app } = this.#context;
    const release = owned();
    if (release === undefined || (await app.held())) return;
    const { value: channel } = await readDocument(store, channelDocument);
    const fallback = channel && fallbackOf(channel, release);
    const good = channel?.lastKnownGood === release;
    const remedy = remedyFor({ seconds, tried: this.#tried, good, fallback });
    if (remedy === undefined || (remedy !== "restart" && deploying())) return;
    this.#tried.add(remedy);
    switch (remedy) {
      case "restart":
        this.#tell(`the app has not answered for ${seconds} s (${seen}): restarting it`);
        return app.restart(release);
      case "fall back":
        if (fallback === undefined) return;
        this.#tell(`${release} does not recover and was never good: going back to ${fallback}`);
        if (await app.serve(fallback, release)) this.#tell(`serves ${fallback} again`);
        return;
      case "replace":
        return this.#replace(release, `${release} has not answered for ${seconds} s: ${seen}`);
    }
  }

  async #replace(release: string, reason: string): Promise<void> {
    const { instance, store, clock, replace, notify } = this.#context;
    if (replace === undefined)
      return this.#stayUp(release, `${reason}; no fleet would replace this instance`);
    const { value, wrote } = await updateDocument(
      store,
      replacementsDocument,
      (document, date) => giveUp(document, instance, reason, date ?? new Date(clock.now())),
      clock,
    );
    if (!hasGivenUp(value, instance)) {
      const budget = budgetOf(value, new Date(clock.now()));
      const until = budget.spent ? budget.until.toISOString() : "later";
      return this.#stayUp(release, `${reason}; the budget of replacements is spent until ${until}`);
    }
    if (wrote) {
      this.#tell(`asks to be replaced: ${reason}`);
      void notify({ kind: "replacing", text: `${instance} asks to be replaced: ${reason}` });
    }
    replace();
  }

  async #stayUp(release: string, reason: string): Promise<void> {
    if (this.#hidden !== undefined) return;
    const { alerts, app, recorder } = this.#context;
    await app.hide();
    recorder.change({ state: "unavailable", blame: reason });
    this.#tell(`visitors get a 503 page: ${reason}`);
    void alerts.raise({ kind: "budget-spent" }, reason);
    this.#hidden = this.#untilWell(release).finally(() => {
      this.#hidden = undefined;
    });
  }

  async #untilWell(release: string): Promise<void> {
    const { alerts, app, clock, log, owned, recorder, signal } = this.#context;
    for (;;) {
      await clock.sleep(LOOK_SECONDS * 1000, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        // Another release came, or another owner: nothing is hidden any more.
        const served = owned() === release;
        if (served && !(await app.answers(release))) continue;
        if (served) await app.show(release);
        recorder.forgive();
        // In another role, or with another release, that was said when it began.
        if (served) recorder.change({ state: "serving" });
        const well = served ? `${release} answers again` : "another release serves";
        this.#tell(well);
        void alerts.clear({ kind: "budget-spent" }, well);
        return;
      } catch (error) {
        log.warn(`the app that was given up: ${messageOf(error)}`);
      }
    }
  }

  #tell(what: string): void {
    this.#context.recorder.event(what);
    this.#context.log.warn(what);
  }
}
