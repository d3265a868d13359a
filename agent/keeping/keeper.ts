import { chmod, chown, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type * as z from "zod/mini";
import type { KeptState, StateKeeper, TakenOver } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";
import { Fenced } from "../site/state/errors.ts";
import { diskUsed } from "../system/disk.ts";
import { readIfThere } from "../system/files.ts";
import { REHEARSAL, STATE_UNIT } from "../system/paths.ts";
import { run } from "../system/run.ts";
import { askStatus, order } from "./control.ts";
import { endApps } from "./end-apps.ts";
import { type Credentials, HandDown } from "./hand-down.ts";
import { dropTrial, noteTrial, readKept, readTrial } from "./noted.ts";
import { makePlaces } from "./places.ts";
import { readersOf } from "./readers.ts";
import {
  drillFound,
  privateFile,
  restored,
  runTask,
  type ShipperOptions,
  takenOver,
  undone,
  wentBack,
  writeSettings,
} from "./tasks.ts";
import { addToUnits } from "./unit-files.ts";
import { untilShipping } from "./until-shipping.ts";

const STOP_SECONDS = 15;
/** Name of the copy that is only looked through. */
const DRILL = "drill";

export interface KeeperOptions extends ShipperOptions {
  /** Folder of systemd units that a reboot empties. */
  unitFiles: string;
  /** The folder of environment files, where it is marked that a release was prepared. */
  environment: string;
  clock: Clock;
  /** With the Python files of the gate. */
  from: string;
  /** The user that keeps the state, of the app's group; made when missing. */
  user(): Promise<{ uid: number; gid: number }>;
  credentials: Credentials;
  onTrouble(message: string): void;
}

/** The StateKeeper contract, by units of systemd and the shipper's socket. */
export class Keeper implements StateKeeper {
  protected readonly options: KeeperOptions;
  readonly #handDown: HandDown;
  #owner: { uid: number; gid: number } | undefined;

  constructor(options: KeeperOptions) {
    this.options = options;
    const file = privateFile(options.places, "credentials.json");
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
    return readKept(this.options.places);
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
    const done = await this.#task({ what: "go-back", epoch }, wentBack, signal);
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
    return this.#task({ what: "take-over", epoch, more: { like } }, takenOver, signal);
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
      await writeSettings(this.options, "ship", epoch);
      await units.reset(STATE_UNIT);
      await units.start(STATE_UNIT, STOP_SECONDS, signal);
    }
    await untilShipping(units, epoch, () => this.status(), clock, signal);
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
    const tried = await readTrial(this.options.places);
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
    // Begun again, it goes back to where it began first.
    if ((await this.trial()) !== release) await this.#mark(release);
    await writeFile(places.mayRun, "");
  }

  async trial(): Promise<string | undefined> {
    return (await readTrial(this.options.places))?.release;
  }

  endTrial(): Promise<void> {
    return dropTrial(this.options.places);
  }

  async takeBackTrial(signal?: AbortSignal): Promise<void> {
    await this.stop();
    const found = await readTrial(this.options.places);
    if (found !== undefined) {
      try {
        await this.#task({ what: "undo", epoch: found.epoch, more: { mark: found.mark } }, undone, signal);
      } catch (error) {
        if (error instanceof Fenced) await this.endTrial();
        throw error;
      }
      await this.#prepareAgain();
    }
    await this.endTrial();
  }

  status() {
    return askStatus(this.#socket);
  }

  async copy(name: string, signal?: AbortSignal) {
    const folder = await this.#fresh(name);
    return {
      folder,
      ...(await this.#task({ what: "restore", epoch: 1, more: { folder } }, restored, signal)),
    };
  }

  async drill(signal?: AbortSignal) {
    try {
      const folder = await this.#fresh(DRILL);
      return await this.#task({ what: "drill", epoch: 1, more: { folder } }, drillFound, signal);
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
    return order(this.#socket, what, (await this.kept())?.epoch ?? 0);
  }

  /** Runs one of the shipper's commands to its end. */
  async #task<T>(
    command: Parameters<typeof runTask>[1],
    answer: z.ZodMiniType<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    await this.#handDown.now();
    return runTask(this.options, command, answer, signal);
  }

  /** Gives it to the user that keeps the state, and the app's group. */
  protected async own(folder: string, mode: number): Promise<void> {
    this.#owner ??= await this.options.user();
    await chown(folder, this.#owner.uid, this.#owner.gid);
    await chmod(folder, mode);
  }

  /** The point that a trial goes back to, in the log and on this disk. */
  async #mark(release: string): Promise<void> {
    const { places } = this.options;
    const seq = await this.order(`/mark?name=${encodeURIComponent(`before ${release}`)}`);
    const kept = await readKept(places);
    if (kept?.place.seq !== seq) {
      throw new EverspotError("something was written after the mark", { retry: "retry" });
    }
    const { epoch, place: mark } = kept;
    await noteTrial(places, { release, epoch, mark });
  }

  get #socket(): string {
    return privateFile(this.options.places, "control.sock");
  }
}
