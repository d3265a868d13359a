import { randomUUID } from "node:crypto";
import { isGone } from "../ownership/gone.ts";
import type { Peers } from "../ports/peers.ts";
import { updateDocument } from "../site/document.ts";
import { messageOf } from "../site/errors.ts";
import { readAt } from "../site/jobs/at.ts";
import { type JobState, jobDocument, type RunningJob } from "../site/jobs/documents.ts";
import type { ObjectStore } from "../site/store.ts";
import { type End, longest, Play, type PlayContext, type Played } from "./play.ts";
import { adopt, end, type Rules, type Turn, turnOf } from "./turn.ts";

/** Seconds between two looks at what an earlier owner began, and after trouble with the bucket. */
const LOOK_SECONDS = 5;
/** Seconds slept at most: the machine's time of day may be set meanwhile. */
const SLEEP_SECONDS = 300;
const LET_GO_TRIES = 5;

/** A job as everspot.toml has it. */
export interface JobConfig extends Omit<Played, "name">, Omit<Rules, "calendar"> {
  ping?: string | undefined;
}

export interface JobContext extends PlayContext {
  instance: string;
  store: ObjectStore;
  peers: Pick<Peers, "find">;
  /** For the boot record and the log. */
  tell(text: string): void;
  /** For the operator, at once: it failed, was interrupted or missed; and that it is well again. */
  alarm(job: string, text: string): void;
  calm(job: string, text: string): void;
  /** Asks for a URL; resolves when that is done or given up. */
  ping(url: string): Promise<void>;
}

export interface Owned {
  epoch: number;
  release: string;
}

/** What was asked for by hand, and refused. */
export class Busy extends Error {}

/** A job of `[schedule.NAME]` on the instance that has the site. */
export class Job {
  readonly name: string;
  readonly #config: JobConfig;
  readonly #rules: Rules;
  readonly #context: JobContext;
  /** What this process began, by its id. */
  readonly #plays = new Set<string>();
  /** One of them that may have been written, and was not begun: no answer came. */
  #unanswered: string | undefined;
  #play: Play | undefined;

  constructor(name: string, config: JobConfig, context: JobContext) {
    this.name = name;
    this.#config = config;
    this.#rules = { ...config, calendar: readAt(config.at) };
    this.#context = context;
  }

  /** For a shell. */
  get run(): string {
    return this.#config.run;
  }

  /** Runs it when it is due, until the signal is aborted; what runs then is asked to end and waited for. Never rejects. */
  async during(owned: Owned, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const gone = new Set<string>();
    const sleep = (seconds: number) => clock.sleep(seconds * 1000, signal).catch(() => undefined);
    let trouble: string | undefined;
    while (!signal.aborted) {
      try {
        const current = await this.#adopt(owned, gone);
        if (current === undefined) break;
        await this.#turns(current, owned, gone, signal);
        trouble = undefined;
      } catch (error) {
        if (messageOf(error) !== trouble) this.#context.tell(`the job ${this.name}: ${messageOf(error)}`);
        trouble = messageOf(error);
      }
      await sleep(LOOK_SECONDS);
    }
    await this.#letGo();
  }

  /** Tells what runs to end. Waits for nothing. */
  stop(reason: string): void {
    this.#play?.stop(reason);
  }

  /**
   * Takes the job for a run that was asked for, so that no other begins meanwhile.
   * @param seconds it may run. @returns what ends that.
   * @throws Busy
   */
  async take(owned: Owned, by: string, seconds: number): Promise<(end: End) => Promise<void>> {
    const { clock, instance } = this.#context;
    const began = clock.now();
    const running: RunningJob = {
      ...{ id: randomUUID(), by, attempt: 1, instance, ...owned, began: new Date(began).toISOString() },
      until: new Date(began + longest({ ...this.#config, timeout: seconds }) * 1000).toISOString(),
    };
    const value = await this.#update((current) => {
      const free = current?.epoch === owned.epoch && current.running === undefined;
      return free ? { ...current, running } : undefined;
    });
    if (value?.running?.id === running.id) {
      this.#plays.add(running.id);
      return async (how) => void (await this.#finish(running, how));
    }
    const since = value?.epoch === owned.epoch ? value.running?.began : undefined;
    throw new Busy(
      since === undefined ? "another instance has the site" : `it has been running since ${since}`,
    );
  }

  /** Undefined: a later owner has the site. */
  async #adopt({ epoch }: Owned, gone: ReadonlySet<string>): Promise<JobState | undefined> {
    const { clock, instance } = this.#context;
    const over = (running: RunningJob): boolean =>
      gone.has(running.instance) ||
      Date.parse(running.until) < clock.now() ||
      (running.instance === instance && !this.#goesOn(running, epoch));
    const before = await this.#update((current) => adopt(current, this.#rules, epoch, clock.now(), over));
    return before?.epoch === epoch ? before : undefined;
  }

  #goesOn({ id, epoch: begunIn }: RunningJob, epoch: number): boolean {
    return this.#plays.has(id) && (id !== this.#unanswered || begunIn === epoch);
  }

  /** Returns when the document is to be taken up again, or the signal is aborted. */
  async #turns(first: JobState, owned: Owned, gone: Set<string>, signal: AbortSignal): Promise<void> {
    const { clock, peers } = this.#context;
    for (let current: JobState | undefined = first; !signal.aborted; ) {
      const { running }: JobState = current;
      if (running !== undefined && running.epoch === owned.epoch) {
        if (!this.#plays.has(running.id)) return;
        if (running.id === this.#unanswered) {
          current = await this.#run(running, owned, signal);
          if (current === undefined) return;
          continue;
        }
      }
      const turn = this.#turn(current, owned, "");
      if (turn.do === "wait") {
        const left = turn.until === undefined ? Number.POSITIVE_INFINITY : turn.until - clock.now();
        await clock.sleep(Math.min(left, SLEEP_SECONDS * 1000), signal).catch(() => undefined);
      } else if (turn.do === "look") {
        const { instance } = turn.running;
        if (instance !== this.#context.instance && (await isGone(peers, instance, clock, signal)))
          gone.add(instance);
        return;
      } else {
        current = await this.#act(owned, signal);
        if (current === undefined) return;
      }
    }
  }

  #turn(current: JobState, { epoch, release }: Owned, id: string): Turn {
    const { clock, instance } = this.#context;
    const me = { id, instance, epoch, release };
    return turnOf(current, this.#rules, me, clock.now(), longest(this.#config));
  }

  /** @returns the document afterwards; undefined: another owner has it, or it is to be taken up again. */
  async #act(owned: Owned, signal: AbortSignal): Promise<JobState | undefined> {
    const id = randomUUID();
    const seen: { turn?: Turn } = {};
    this.#plays.add(id);
    this.#unanswered = id;
    const value = await this.#update((current) => {
      // Its own write, of which the answer was lost.
      if (current?.running?.id === id) return undefined;
      if (current?.epoch !== owned.epoch) return undefined;
      seen.turn = this.#turn(current, owned, id);
      return "next" in seen.turn ? seen.turn.next : undefined;
    });
    if (value?.running?.id !== id) {
      this.#unanswered = undefined;
      this.#plays.delete(id);
    }
    if (value?.epoch !== owned.epoch) return undefined;
    const { turn } = seen;
    if (turn !== undefined && "next" in turn && turn.missed !== undefined) this.#missed(turn.missed);
    return value.running?.id === id ? this.#run(value.running, owned, signal) : value;
  }

  async #run(running: RunningJob, owned: Owned, signal: AbortSignal): Promise<JobState | undefined> {
    this.#unanswered = undefined;
    const play = new Play(this.#context, { ...this.#config, name: this.name }, owned);
    this.#play = play;
    const away = () => play.stop("the site went to another instance, or the release changed");
    signal.addEventListener("abort", away);
    if (signal.aborted) away();
    try {
      const how = await play.carry();
      return await this.#finish(running, how);
    } finally {
      signal.removeEventListener("abort", away);
      this.#play = undefined;
    }
  }

  /** Writes down how it ended, until that is written: whoever has the site waits for it. */
  async #finish(running: RunningJob, how: End): Promise<JobState | undefined> {
    const { clock, tell } = this.#context;
    const until = Date.parse(running.until) + LOOK_SECONDS * 1000;
    const seen: { next?: ReturnType<typeof end> } = {};
    for (;;) {
      try {
        const value = await this.#update((current) => {
          if (current?.running?.id !== running.id) return undefined;
          seen.next = end(current, running.id, how, this.#rules, clock.now());
          return seen.next;
        });
        this.#plays.delete(running.id);
        this.#ended(running, how, seen.next?.again !== undefined);
        const last = seen.next?.history.at(-1);
        if (last?.how === "missed") this.#missed(last);
        if (how.how === "done" && this.#config.ping !== undefined) void this.#context.ping(this.#config.ping);
        return value;
      } catch (error) {
        if (clock.now() > until) {
          tell(`the job ${this.name} ended, and that could not be written: ${messageOf(error)}`);
          this.#plays.delete(running.id);
          return undefined;
        }
        await clock.sleep(2000);
      }
    }
  }

  /** What may have been written and was not begun is not begun here any more: whoever has the site need not wait for it. */
  async #letGo(): Promise<void> {
    const { clock } = this.#context;
    const id = this.#unanswered;
    const how = {
      how: "interrupted",
      seconds: 0,
      reason: "it was not started: the site passed on first",
    } as const;
    for (let tries = 0; id !== undefined && tries < LET_GO_TRIES; tries++) {
      try {
        await this.#update((current) => end(current, id, how, this.#rules, clock.now()));
        break;
      } catch {
        await clock.sleep(2000);
      }
    }
    if (id !== undefined) this.#plays.delete(id);
    this.#unanswered = undefined;
  }

  #ended({ by, attempt }: RunningJob, { how, exitCode, seconds, reason }: End, again: boolean): void {
    const code = exitCode === undefined || how === "done" ? "" : `, exit code ${exitCode}`;
    const tries = attempt === 1 ? "" : `, try ${attempt}`;
    const text = `the job ${this.name}: ${how} after ${seconds} s${code}${tries}${reason === undefined ? "" : `: ${reason}`}`;
    if (how !== "done" || by !== undefined) this.#context.tell(text);
    if (how === "done") this.#context.calm(this.name, text);
    else if (!again && by === undefined) this.#context.alarm(this.name, text);
  }

  #missed({
    due,
    until,
    count,
    reason,
  }: {
    due: string;
    until: string;
    count: number;
    reason: string;
  }): void {
    const when = count === 1 ? due : `${count} times from ${due} to ${until}`;
    const text = `the job ${this.name} was missed: ${when}: ${reason}`;
    this.#context.tell(text);
    this.#context.alarm(this.name, text);
  }

  async #update(
    change: (current: JobState | undefined) => Omit<JobState, "nonce"> | undefined,
  ): Promise<JobState | undefined> {
    const { store, clock } = this.#context;
    return (await updateDocument(store, jobDocument(this.name), change, clock)).value;
  }
}
