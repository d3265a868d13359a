import {
  type Attempt,
  beginAttempt,
  type Channel,
  type ChannelFields,
  channelDocument,
  markGood,
  promote,
  quarantineCandidate,
  quarantineSpent,
  withdrawAttempt,
} from "../site/channel.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import {
  beginStart,
  budgetOf,
  endStart,
  type Replacements,
  replacementsDocument,
  unendedStarts,
} from "../site/replacements.ts";
import type { ObjectStore } from "../site/store.ts";
import { type Choice, choose } from "./choose.ts";
import { type Failure, nothingToRun, tooManyDied } from "./no-release.ts";

/** Failures of a release that is not a candidate before an older one is tried; the last known good gets one more. */
const PATIENCE = 2;
const PATIENCE_WITH_GOOD = 3;

const LOOK_SECONDS = 5;

/** One boot's dealings with `channel.json`. */
export class Candidates {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  /** How often and why a release failed in this boot. */
  readonly #failures = new Map<string, { times: number } & Failure>();
  #chosen: string | undefined;
  /** Noted in channel.json. */
  #attempt: Attempt | undefined;
  /** Noted in replacements.json. */
  #start: { instance: string; at: string } | undefined;

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * The release to run now. That it is tried is noted before this returns, so that a machine that dies of it counts.
   * @param template version of the launch template that the machine was launched by, where that is known.
   * @throws EverspotError when there is none, or too many machines died of what they ran.
   */
  async next(instance: string, template?: number): Promise<Choice> {
    this.#chosen = undefined;
    await this.#update((channel) =>
      quarantineSpent(channel, "two boots with it led to no healthy app", this.#now()),
    );
    const [{ value }, spent] = await Promise.all([
      readDocument(this.#store, channelDocument),
      readDocument(this.#store, replacementsDocument).then(
        (read) => read.value,
        // Keeping the books on failures must not itself be one.
        () => undefined,
      ),
    ]);
    const failed = this.#given(value, spent);
    const choice = value && choose(value, new Set(failed), template);
    if (choice === undefined) {
      const why = new Map(this.#failures);
      // The next try begins again with the best.
      this.#failures.clear();
      throw nothingToRun({ channel: value, failed, why, template }, this.#store.url);
    }
    const budget = budgetOf(value && spent && startsOfServed(value, spent), new Date(this.#clock.now()));
    if (budget.spent && choice.role !== "candidate") throw tooManyDied(budget.until, this.#store.url);
    this.#chosen = choice.id;
    await this.#begin(choice.id, instance);
    if (choice.role === "candidate") {
      const attempt = { instance, at: this.#now() };
      this.#attempt = attempt;
      await this.#update((channel) => beginAttempt(channel, choice.id, attempt));
    }
    return choice;
  }

  /**
   * The try with the release that `next` named failed.
   * @param blame why the release itself is bad; undefined when something else failed.
   * @param lines what it said last.
   */
  async failed(blame: string | undefined, lines: readonly string[] = []): Promise<void> {
    await this.#end(blame, lines, blame);
  }

  /** It could not be had. This boot goes on to an older one in the end; nothing is held against it besides. */
  async missing(reason: string): Promise<void> {
    await this.#end(reason, [], undefined);
  }

  /** @param counts why this boot counts it. @param blame why the channel does. */
  async #end(counts: string | undefined, lines: readonly string[], blame: string | undefined): Promise<void> {
    const id = this.#chosen;
    const attempt = this.#attempt;
    this.#chosen = undefined;
    this.#attempt = undefined;
    await this.outlived();
    if (id === undefined) return;
    if (counts !== undefined) {
      const times = (this.#failures.get(id)?.times ?? 0) + 1;
      this.#failures.set(id, { times, reason: counts, lines });
    }
    if (attempt === undefined) return;
    await this.#update((channel) =>
      blame === undefined
        ? withdrawAttempt(channel, id, attempt)
        : quarantineSpent(channel, blame, this.#now(), lines),
    );
  }

  /** The candidate is bad: no boot tries it again. A release that served before is not condemned. */
  async quarantine(id: string, reason: string, lines: readonly string[] = []): Promise<void> {
    await this.#update((channel) => quarantineCandidate(channel, id, reason, this.#now(), lines));
  }

  /** The release serves the site. @returns whether it became current just now. */
  async promote(id: string): Promise<boolean> {
    this.#attempt = undefined;
    const promoted = await this.#update((channel) => promote(channel, id));
    await this.outlived();
    return promoted;
  }

  /** The release served through its soak. */
  async markGood(id: string): Promise<boolean> {
    return this.#update((channel) => markGood(channel, id));
  }

  /** Waits for a change of `channel.json`, at most so many seconds. @throws the signal's reason. */
  async news(seconds: number, signal: AbortSignal, clock: Clock = this.#clock): Promise<void> {
    const end = clock.now() + seconds * 1000;
    const etag = () =>
      this.#store.head(channelDocument.key).then(
        (head) => head?.etag,
        () => before,
      );
    let before: string | undefined;
    before = await etag();
    for (let left = seconds * 1000; left > 0; left = end - clock.now()) {
      await clock.sleep(Math.min(left, LOOK_SECONDS * 1000), signal);
      if ((await etag()) !== before) return;
    }
  }

  /** Releases that may still be wanted on a disk. */
  async wanted(): Promise<Set<string>> {
    const { value } = await readDocument(this.#store, channelDocument);
    const ids = [value?.candidate?.id, value?.current, value?.previous, value?.lastKnownGood];
    return new Set(ids.filter((id): id is string => id !== undefined));
  }

  /** Releases that have failed too often to be tried again. */
  #given(channel: Channel | undefined, spent: Replacements | undefined): string[] {
    const now = new Date(this.#clock.now());
    const ids = new Set([...this.#failures.keys(), ...(spent?.starts.map((s) => s.release) ?? [])]);
    return [...ids].filter((id) => {
      const failures = (this.#failures.get(id)?.times ?? 0) + unendedStarts(spent, id, now);
      return failures >= (id === channel?.lastKnownGood ? PATIENCE_WITH_GOOD : PATIENCE);
    });
  }

  async #begin(release: string, instance: string): Promise<void> {
    const now = new Date(this.#clock.now());
    const start = { instance, at: now.toISOString() };
    await updateDocument(
      this.#store,
      replacementsDocument,
      (spent) => beginStart(spent, { instance, release }, now),
      this.#clock,
    ).then(
      () => {
        this.#start = start;
      },
      () => undefined,
    );
  }

  /** The release was started, and the machine did not die of it. */
  async outlived(): Promise<void> {
    const start = this.#start;
    this.#start = undefined;
    if (start === undefined) return;
    await updateDocument(
      this.#store,
      replacementsDocument,
      (spent) => endStart(spent, start.instance, start.at),
      this.#clock,
    ).catch(() => undefined);
  }

  async #update(change: (channel: Channel) => ChannelFields | undefined): Promise<boolean> {
    const done = await updateDocument(
      this.#store,
      channelDocument,
      (channel) => (channel === undefined ? undefined : change(channel)),
      this.#clock,
    );
    return done.wrote;
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

/**
 * Starts of releases that have served, of which no end was seen. A candidate's attempts are limited by themselves,
 * and a deploy that is called off ends its instance in the middle of them.
 */
function startsOfServed({ current, previous, lastKnownGood }: Channel, spent: Replacements): Replacements {
  const served = [current, previous, lastKnownGood];
  return { ...spent, given: [], starts: spent.starts.filter((s) => served.includes(s.release)) };
}
