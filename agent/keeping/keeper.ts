import { chmod, chown, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { KeptState, StateKeeper, TakenOver } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { historySeconds, keptName } from "../site/config/state.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import { drilled } from "../site/state/drilled.ts";
import { Fenced } from "../site/state/errors.ts";
import { diskUsed } from "../system/disk.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import { type KeptPlaces, REHEARSAL, STATE_UNIT, stateTask } from "../system/paths.ts";
import { run } from "../system/run.ts";
import type { Units } from "../system/units.ts";
import { askStatus, order } from "./control.ts";
import { endApps } from "./end-apps.ts";
import { type Credentials, HandDown } from "./hand-down.ts";
import { makePlaces } from "./places.ts";
import { readersOf } from "./readers.ts";
import { addToUnits } from "./unit-files.ts";

/** Seconds that bringing the state may take: 1 GB in 7 s where S3 is near, and a database may be larger. */
const TASK_SECONDS = 600;
/** Until the shipper ships: it may have to compare a database with the log page by page. */
const START_SECONDS = 300;
const STOP_SECONDS = 15;
/** Questions to the shipper for each to systemd, which takes far longer. */
const LOOKS = 20;
/** How often it may end before it ships. */
const MOST_RESTARTS = 5;
/** Name of the copy that is only looked through. */
const DRILL = "drill";
/** Lines of what a unit said last. */
const READ = 20;

export interface KeeperOptions {
  config: Pick<BootConfig, "bucket" | "account"> & { state: NonNullable<BootConfig["state"]> };
  instance: string;
  units: Units;
  /** Folder of systemd units that a reboot empties. */
  unitFiles: string;
  /** Of environment files, where it is marked that a release was prepared. */
  environment: string;
  clock: Clock;
  places: KeptPlaces;
  /** With the Python files of the gate. */
  from: string;
  /** The user that keeps the state, of the app's group; made when missing. */
  user(): Promise<{ uid: number; gid: number }>;
  credentials: Credentials;
  onTrouble(message: string): void;
}

const fenced = z.object({ fenced: z.int() });
const takenOver = z.object({
  seq: z.int(),
  base: z.optional(z.int()),
  entries: z.int(),
  files: z.array(z.string()),
  opened: z.boolean(),
  uploads: z.int(),
  troubles: z.array(z.string()),
});
const wentBack = z.object({ rewound: z.boolean(), seq: z.int() });
const restored = z.object({ seq: z.int(), files: z.array(z.string()) });
const place = z.object({ seq: z.int(), hash: z.string(), epoch: z.int(), at: z.string() });
const keptState = z.object({ epoch: z.int(), instance: z.string(), sealed: z.boolean(), place });
const found = z.omit(drilled, { version: true, at: true, by: true });
const undone = z.object({ undone: z.boolean(), seq: z.int() });
const trial = z.object({ release: z.string(), epoch: z.int(), mark: place });

/** The StateKeeper contract, by units of systemd and the shipper's socket. */
export class Keeper implements StateKeeper {
  protected readonly options: KeeperOptions;
  readonly #handDown: HandDown;
  #owner: { uid: number; gid: number } | undefined;

  constructor(options: KeeperOptions) {
    this.options = options;
    const file = this.#private("credentials.json");
    this.#handDown = new HandDown(file, options.credentials, options.clock, options.onTrouble);
  }

  async ready(): Promise<{ uid: number }> {
    const { user, places, from } = this.options;
    this.#owner = await user();
    await makePlaces(places, this.#owner, from);
    await this.guard();
    return this.#owner;
  }

  handDown(signal: AbortSignal): Promise<void> {
    return this.#handDown.keep(signal);
  }

  kept(): Promise<KeptState | undefined> {
    return this.#kept();
  }

  async #kept(): Promise<z.infer<typeof keptState> | undefined> {
    const text = await readIfThere(join(this.options.places.log, "shipped.json"));
    try {
      return text === undefined ? undefined : z.parse(keptState, JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  async takeOver(epoch: number, signal?: AbortSignal): Promise<TakenOver> {
    await this.stop();
    const done = await this.take(epoch, signal);
    await this.dropCopy(REHEARSAL);
    await this.endTrial();
    await this.#prepareAgain();
    return done;
  }

  async goBack(epoch: number, signal?: AbortSignal): Promise<{ rewound: boolean; seq: number }> {
    await this.stop();
    const done = await this.#task("go-back", epoch, wentBack, {}, signal);
    await this.endTrial();
    return done;
  }

  async start(epoch: number, signal?: AbortSignal): Promise<void> {
    const before = await this.status();
    if (before === undefined || before.epoch !== epoch) await this.stop();
    await this.ship(epoch, signal);
    await writeFile(this.options.places.mayRun, "");
  }

  /** What the units of the site's code need, and that they start only while they may. */
  protected async guard(): Promise<void> {
    const { units, unitFiles, places, config } = this.options;
    await addToUnits(units, unitFiles, places, config.state);
  }

  /** The log and the databases, whatever runs. */
  protected take(epoch: number, signal?: AbortSignal): Promise<TakenOver> {
    const like = join(this.options.places.copies, REHEARSAL);
    return this.#task("take-over", epoch, takenOver, { like }, signal);
  }

  protected async endShipper(): Promise<void> {
    await this.options.units.stop(STATE_UNIT, STOP_SECONDS);
  }

  /** Has the shipper ship under this epoch. */
  protected async ship(epoch: number, signal?: AbortSignal): Promise<void> {
    const { units, clock } = this.options;
    const before = await this.status();
    if (before === undefined || before.epoch !== epoch) {
      await this.#handDown.now();
      await this.#settings("ship", epoch);
      await units.reset(STATE_UNIT);
      await units.start(STATE_UNIT, STOP_SECONDS, signal);
    }
    let looks = 0;
    await poll(
      "the site's state to be shipped",
      async () => {
        const now = await this.status();
        if (now?.state === "shipping") return { done: true };
        if (now?.state === "fenced") throw new Fenced(epoch + 1);
        if (now?.state === "sealed") throw new EverspotError(`epoch ${epoch} is sealed`, { retry: "retry" });
        if (now === undefined && looks++ % LOOKS === LOOKS - 1) await this.#stillTries();
        return { waiting: now?.state ?? "no answer" };
      },
      { seconds: START_SECONDS, everySeconds: 0.03, clock, signal },
    );
  }

  async stop(): Promise<void> {
    await this.forbid();
    await this.endShipper();
  }

  async revive(): Promise<void> {
    const { units } = this.options;
    await units.kill(STATE_UNIT);
    await units.reset(STATE_UNIT);
    await units.start(STATE_UNIT, STOP_SECONDS);
  }

  async readers(file: string) {
    const shipper = (await this.status())?.pid;
    const index = `${join(this.options.places.databases, file)}-shm`;
    return readersOf(index, shipper === undefined ? [] : [shipper]);
  }

  diskUsed(): Promise<number> {
    return diskUsed(this.options.places.databases);
  }

  open(): Promise<number> {
    return this.order("/open");
  }

  async seal(): Promise<number> {
    await this.forbid();
    const tried = await this.#trial();
    if (tried !== undefined) {
      await this.takeBackTrial();
      await this.ship(tried.epoch);
    }
    return this.order("/seal");
  }

  async sealed(): Promise<boolean> {
    return (await readIfThere(this.options.places.mayRun)) === undefined;
  }

  async beginTrial(release: string): Promise<void> {
    const { places } = this.options;
    await this.forbid();
    const seq = await this.order(`/mark?name=${encodeURIComponent(`before ${release}`)}`);
    const kept = await this.#kept();
    if (kept?.place.seq !== seq) {
      throw new EverspotError("something was written after the mark", { retry: "retry" });
    }
    const { epoch, place: mark } = kept;
    await writeAtomic(this.#trialFile, JSON.stringify({ release, epoch, mark }), 0o600);
    await writeFile(places.mayRun, "");
  }

  async trial(): Promise<string | undefined> {
    return (await this.#trial())?.release;
  }

  async endTrial(): Promise<void> {
    await rm(this.#trialFile, { force: true });
  }

  async takeBackTrial(signal?: AbortSignal): Promise<void> {
    await this.stop();
    const found = await this.#trial();
    if (found !== undefined) {
      try {
        await this.#task("undo", found.epoch, undone, { mark: found.mark }, signal);
      } catch (error) {
        if (error instanceof Fenced) await this.endTrial();
        throw error;
      }
      await this.#prepareAgain();
    }
    await this.endTrial();
  }

  status() {
    return askStatus(this.#private("control.sock"));
  }

  async copy(name: string, signal?: AbortSignal) {
    const folder = await this.#fresh(name);
    return { folder, ...(await this.#task("restore", 1, restored, { folder }, signal)) };
  }

  async drill(signal?: AbortSignal) {
    try {
      return await this.#task("drill", 1, found, { folder: await this.#fresh(DRILL) }, signal);
    } finally {
      await this.dropCopy(DRILL);
    }
  }

  async dropCopy(name: string): Promise<void> {
    // The app may have written there: rm(1) follows nothing, whatever is swapped under it.
    await run("rm", ["-rf", "--", join(this.options.places.copies, name)]);
  }

  /** From here on none of the site's own code runs, whoever starts it. */
  protected async forbid(): Promise<void> {
    const { places, units, clock } = this.options;
    await rm(places.mayRun, { force: true });
    await endApps(units, clock);
  }

  /** An empty folder for a copy. */
  async #fresh(name: string): Promise<string> {
    const folder = join(this.options.places.copies, name);
    await this.dropCopy(name);
    await mkdir(folder);
    await this.own(folder, 0o2770);
    return folder;
  }

  /** What was done for a release before it starts, such as migrations, was done to other databases. */
  async #prepareAgain(): Promise<void> {
    const { environment } = this.options;
    for (const name of await readdir(environment).catch(() => [])) {
      if (name.endsWith(".prepared")) await rm(join(environment, name), { force: true });
    }
  }

  protected async order(what: string): Promise<number> {
    return order(this.#private("control.sock"), what, (await this.kept())?.epoch ?? 0);
  }

  /** Runs one of the process's commands to its end. */
  async #task<T>(
    what: string,
    epoch: number,
    answer: z.ZodMiniType<T>,
    more: object,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { units } = this.options;
    const unit = stateTask(what);
    const out = this.#private(`${what}.out`);
    await this.#handDown.now();
    await this.#settings(what, epoch, more);
    await rm(out, { force: true });
    await units.reset(unit);
    const failed = await units.start(unit, TASK_SECONDS, signal).then(
      () => undefined,
      (error: unknown) => error ?? new Error("it failed"),
    );
    signal?.throwIfAborted();
    const said = parse((await readIfThere(out)) ?? "");
    const other = z.safeParse(fenced, said);
    if (other.success) throw new Fenced(other.data.fenced);
    if (failed === undefined) return z.parse(answer, said);
    const lines = await units.lines(unit, READ).catch(() => []);
    throw new EverspotError(`the site's state: ${lines.at(-1) ?? messageOf(failed)}`, {
      resource: unit,
      retry: "retry",
      lines,
      cause: failed,
    });
  }

  async #settings(what: string, epoch: number, more: object = {}): Promise<void> {
    const { config, instance, places } = this.options;
    const { database, media, durability, budget, history } = config.state;
    const settings = {
      ...{ bucket: config.bucket, account: config.account, credentials: this.#private("credentials.json") },
      ...{ epoch, instance, folder: places.databases, databases: database.map(keptName), keeps: places.log },
      ...{ lease: places.lease, control: this.#private("control.sock") },
      ...{ durability, budget, history: historySeconds(history) },
      ...(media !== undefined && { media: { folder: places.media, socket: places.uploads } }),
      ...more,
    };
    // The folder is closed to everybody else.
    await writeAtomic(this.#private(`${what}.json`), JSON.stringify(settings), 0o644);
  }

  async #stillTries(): Promise<void> {
    const { units } = this.options;
    const { active, restarts } = await units.state(STATE_UNIT);
    if (active !== "failed" && restarts < MOST_RESTARTS) return;
    const lines = await units.lines(STATE_UNIT, READ).catch(() => []);
    throw new EverspotError(`the site's state: ${lines.at(-1) ?? "what keeps it ended"}`, {
      resource: STATE_UNIT,
      retry: "retry",
      lines,
    });
  }

  /** Gives it to the user that keeps the state, and the app's group. */
  protected async own(folder: string, mode: number): Promise<void> {
    this.#owner ??= await this.options.user();
    await chown(folder, this.#owner.uid, this.#owner.gid);
    await chmod(folder, mode);
  }

  /** Undefined, too, of an epoch that is over. */
  async #trial(): Promise<z.infer<typeof trial> | undefined> {
    const text = await readIfThere(this.#trialFile);
    const found = z.safeParse(trial, text === undefined ? undefined : parse(text));
    if (!found.success) return undefined;
    // While it is taken back, nothing is kept.
    const kept = await this.#kept();
    return kept === undefined || kept.epoch === found.data.epoch ? found.data : undefined;
  }

  get #trialFile(): string {
    return this.options.places.trial;
  }

  #private(file: string): string {
    return join(this.options.places.private, file);
  }
}

/** The last line of JSON there is, whatever else was said; undefined when there is none. */
function parse(text: string): unknown {
  for (const line of text.split("\n").toReversed()) {
    try {
      return JSON.parse(line);
    } catch {}
  }
  return undefined;
}
