import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import type { SecretSource } from "../ports/secrets.ts";
import type { StateKeeper } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument } from "../site/document.ts";
import { siteDocument } from "../site/documents/site-state.ts";
import { messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { type RunRequest, requestDocument } from "../site/runs/documents.ts";
import { packOutput } from "../site/runs/output.ts";
import type { ObjectStore } from "../site/store.ts";
import { renderEnvironment } from "../system/environment-file.ts";
import { writeAtomic } from "../system/files.ts";
import { runName, runUnit } from "../system/paths.ts";
import type { StartTransient } from "../system/transient.ts";
import type { Units } from "../system/units.ts";
import { Busy, type Job } from "./job.ts";
import { OutputLimit, shipOutput } from "./outbox.ts";
import type { End } from "./play.ts";
import { patiently, RunDocument } from "./run-document.ts";
import { endOf, jobEnd, type Outcome, Refusal } from "./run-end.ts";
import { shipped } from "./shipped.ts";
import { settingsOf, wordsOf } from "./surroundings.ts";

/** A part of the machine's memory, where the request names none: the app goes on beside it, in the same slice. */
const MEMORY = "40%";
const OUTPUT_LIMIT = 1e9;
/** Seconds in which a unit that is asked to stop is down; its own TimeoutStopSec is less. */
export const STOP_SECONDS = 40;
/** A shell adds this to the signal that ended a program. */
const SIGNALLED = 128;

export interface RunContext {
  instance: string;
  store: ObjectStore;
  clock: Clock;
  units: Pick<Units, "state" | "stop" | "reset" | "list">;
  start: StartTransient;
  /** What this instance has of the site now. */
  owned(): { epoch: number; release: string } | undefined;
  /** Folders: of releases, environment files and marks of what runs; and the socket of a release's app. */
  places: { releases: string; environment: string; runs: string; appSocket(release: string): string };
  /** What was put into the Parameter Store for commands, `<id>.<variable>`. */
  secrets: SecretSource;
  /** Sends a notice to try. @returns how it got where notices go. */
  tryNotify(): Promise<readonly { channel: string; error?: string }[]>;
  /** Where an answer waits for the bucket, the end of a command does, too; undefined: it does not. */
  state?: Pick<StateKeeper, "status"> | undefined;
  /** A job of `[schedule.NAME]`. */
  job?(name: string): Job | undefined;
  /** For the boot record and the log, in which no argument of a command may stand. */
  tell(text: string): void;
}

/** One command of the operator's, from the claim to its end. */
export class Run {
  readonly id: string;
  readonly #context: RunContext;
  readonly #busy: boolean;
  readonly #over = new AbortController();
  readonly #changed = new EventTarget();
  readonly #document: RunDocument;
  #request: RunRequest | undefined;
  #unit: string | undefined;
  #stopping: { how: "cancelled" | "interrupted"; reason: string | undefined } | undefined;
  /** Parts of its output that are in the bucket. */
  #parts = 0;

  /** @param busy there are others enough: it is refused. */
  constructor(id: string, context: RunContext, busy: boolean) {
    this.id = id;
    this.#context = context;
    this.#busy = busy;
    this.#document = new RunDocument(id, context);
  }

  /**
   * Takes the command up, unless someone else has, and runs it: that can happen once in all, since whoever creates its
   * document has it. What was asked and who owns the site is read again after that. @throws when the claim fails.
   */
  async carry(): Promise<void> {
    const { store, clock, instance, owned, places, tell } = this.#context;
    const asked = await readDocument(store, requestDocument(this.id));
    const mine = owned();
    if (asked.value === undefined || mine === undefined || isPast(asked.value, asked.date, clock)) return;
    await mkdir(places.runs, { recursive: true, mode: 0o700 });
    const mark = join(places.runs, this.id);
    await writeAtomic(mark, "", 0o600);
    if (await this.#document.claim({ instance, ...mine })) {
      const what = asked.value.kind === "notify" ? "a notice to try" : "a command run here";
      tell(`${asked.value.by} has ${what} (${this.id})`);
      const began = clock.now();
      const end = await this.#play(mine);
      this.#over.abort();
      const seconds = Math.round((clock.now() - began) / 100) / 10;
      await this.#document.end({ ...end, seconds });
      tell(`the command ${this.id}: ${end.how}, exit code ${end.exitCode}`);
    }
    await rm(mark, { force: true });
  }

  /** Something of it was written in the bucket: more to read, or that it is not wanted any more. */
  async look(): Promise<void> {
    const { value } = await readDocument(this.#context.store, requestDocument(this.id));
    if (value === undefined || !this.#document.isMine) return;
    this.#request = value;
    if (value.cancelled) this.stop("cancelled");
    this.#changed.dispatchEvent(new Event("changed"));
  }

  /** Ends the command, first as Ctrl-C would; waits for nothing. The first reason counts. */
  stop(how: "cancelled" | "interrupted", reason?: string): void {
    const first = this.#stopping === undefined;
    this.#stopping ??= { how, reason };
    if (first) void this.#ended();
  }

  /** A unit that systemd is about to start is none yet. */
  async #ended(): Promise<void> {
    const { units, clock } = this.#context;
    const { signal } = this.#over;
    while (this.#unit !== undefined && !signal.aborted) {
      await units.stop(this.#unit, STOP_SECONDS).catch(() => undefined);
      await clock.sleep(500, signal).catch(() => undefined);
    }
  }

  async #play(mine: { epoch: number; release: string }): Promise<Outcome> {
    const { places, start, units } = this.#context;
    const file = join(places.environment, `${runName(this.id)}.env`);
    let command: ReturnType<StartTransient> | undefined;
    let job: ((end: End) => Promise<void>) | undefined;
    const began = this.#context.clock.now();
    const done = async (end: Outcome): Promise<Outcome> => {
      const seconds = Math.round((this.#context.clock.now() - began) / 100) / 10;
      await job?.({ ...jobEnd(end), seconds });
      return end;
    };
    try {
      const request = await this.#permitted(mine);
      if (request.kind === "notify") return await this.#notify();
      const asked = request.kind === "job" ? this.#job(request) : undefined;
      await mkdir(places.environment, { recursive: true });
      await writeAtomic(file, await this.#environment(request, mine.release), 0o600);
      const words = asked?.words ?? (await wordsOf(request, join(places.releases, mine.release)));
      job = await asked?.job.take(mine, request.by, request.timeout);
      if (this.#stopping !== undefined)
        return await done(endOf(this.#stopping.how, 0, this.#stopping.reason));
      const unit = runUnit(this.id, mine.release);
      command = start({
        ...{ unit, words, seconds: request.timeout, description: `A command of ${request.by}` },
        memory: request.memory === undefined ? MEMORY : `${request.memory}M`,
      });
      this.#unit = unit;
      void this.#document.beat(this.#over.signal);
      const { stdin } = command;
      void this.#feed(stdin).catch(() => stdin.destroy());
      const parts = await this.#ship(command);
      const code = await command.ended;
      const { result } = await units.state(unit);
      await units.reset(unit);
      return await done(await this.#outcome(code, result, parts, mine.epoch));
    } catch (error) {
      if (error instanceof Refusal) return endOf(error.how, 0, error.message);
      if (error instanceof Busy || command === undefined) return done(endOf("refused", 0, messageOf(error)));
      this.stop("interrupted");
      await command.ended;
      return done(endOf("interrupted", this.#parts, messageOf(error)));
    } finally {
      await rm(file, { force: true });
    }
  }

  async #notify(): Promise<Outcome> {
    const tried = await this.#context.tryNotify();
    const bytes = Buffer.from(JSON.stringify(tried));
    const { store, clock } = this.#context;
    const output = packOutput([{ stream: "stdout", bytes }]);
    await patiently(() => store.put(keys.runOutput(this.id, 0), output), clock);
    const failed = tried.length === 0 || tried.some(({ error }) => error !== undefined);
    return { how: "ended", exitCode: failed ? 1 : 0, parts: 1 };
  }

  /** What is asked, read after the claim. @throws Refusal */
  async #permitted({ epoch }: { epoch: number }): Promise<RunRequest> {
    const { store, clock, instance } = this.#context;
    const [asked, site] = await Promise.all([
      readDocument(store, requestDocument(this.id)),
      readDocument(store, siteDocument),
    ]);
    const request = asked.value;
    if (request === undefined) throw new Refusal("refused", "what was asked for is no longer there");
    if (request.cancelled) throw new Refusal("cancelled", "before it began");
    if (isPast(request, asked.date, clock)) throw new Refusal("refused", "it was taken up too late");
    if (site.value?.owner !== instance || site.value.epoch !== epoch) {
      throw new Refusal("refused", `${site.value?.owner ?? "no instance"} owns the site now`);
    }
    if (this.#busy) throw new Refusal("refused", "as many commands are running already as may run at once");
    this.#request = request;
    return request;
  }

  /** @throws Refusal */
  #job({ words: [name = ""] }: RunRequest): { job: Job; words: readonly string[] } {
    const job = this.#context.job?.(name);
    if (job !== undefined) return { job, words: ["/bin/sh", "-c", job.run] };
    throw new Refusal(
      "refused",
      `the instance knows no job ${name}: it was launched by an everspot.toml without it`,
    );
  }

  async #environment(request: RunRequest, release: string): Promise<string> {
    const { places, secrets } = this.#context;
    const settings = await settingsOf(join(places.environment, `${release}.env`), places.appSocket(release));
    const mine = `${this.id}.`;
    const kept = Object.entries(request.secrets ? await secrets.read() : {})
      .filter(([name]) => name.startsWith(mine))
      .map(([name, value]) => [name.slice(mine.length), value]);
    return renderEnvironment({ ...settings, ...request.environment, ...Object.fromEntries(kept) });
  }

  async #ship(command: ReturnType<StartTransient>): Promise<number> {
    const { store, clock } = this.#context;
    const put = async (part: number, bytes: Uint8Array): Promise<void> => {
      await patiently(() => store.put(keys.runOutput(this.id, part), bytes), clock);
      this.#parts = part + 1;
    };
    try {
      return await shipOutput(command, { clock, put, limit: OUTPUT_LIMIT });
    } catch (error) {
      if (!(error instanceof OutputLimit)) throw error;
      this.stop("interrupted", error.message);
      return this.#parts;
    }
  }

  async #feed(stdin: Writable): Promise<void> {
    const { store } = this.#context;
    const { signal } = this.#over;
    for (let part = 0; ; ) {
      const { parts, ended } = this.#request?.stdin ?? { parts: 0, ended: true };
      if (part < parts) {
        const found = await store.get(keys.runInput(this.id, part));
        if (stdin.destroyed) return;
        if (!stdin.write(found?.body ?? "")) await once(stdin, "drain", { signal });
        part++;
        this.#document.took(part);
      } else if (ended) {
        stdin.end();
        return;
      } else await once(this.#changed, "changed", { signal });
    }
  }

  async #outcome(code: number, result: string, parts: number, epoch: number): Promise<Outcome> {
    if (result === "timeout") return endOf("timeout", parts);
    if (result === "oom-kill") return endOf("memory", parts);
    if (this.#stopping === undefined && code >= SIGNALLED) {
      // Whoever ends it may be taking the site away, and this agent hears of it only now.
      await this.#context.clock.sleep(1000);
      if (this.#context.owned()?.epoch !== epoch)
        this.stop("interrupted", "the site went to another instance");
    }
    const { state, clock } = this.#context;
    if (this.#stopping === undefined && state !== undefined && !(await shipped(state, clock)))
      this.stop("interrupted", "what it wrote did not come into the bucket");
    const stopping = this.#stopping;
    // It was asked to stop, but came to its end all the same.
    if (stopping === undefined || (stopping.how === "interrupted" && code < SIGNALLED)) {
      return { how: "ended", exitCode: code, parts, ...(stopping?.reason && { reason: stopping.reason }) };
    }
    return endOf(stopping.how, parts, stopping.reason);
  }
}

const isPast = ({ expires, cancelled }: RunRequest, date: Date | undefined, clock: Clock): boolean =>
  cancelled || (date?.getTime() ?? clock.now()) >= Date.parse(expires);
