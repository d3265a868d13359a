import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { Bringing, StateTable, TakenOver } from "../ports/state.ts";
import { camelKeys } from "../site/config/camel.ts";
import { keptName, state as stateTable } from "../site/config/state.ts";
import { EverspotError } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import type { StartTransient } from "../system/transient.ts";
import { Keeper, type KeeperOptions } from "./keeper.ts";
import { copyAsLeft, copyLive, linkAll } from "./own-data.ts";
import { addToUnits } from "./unit-files.ts";

/** Seconds until all uploads there are have come to the bucket. */
const UPLOADS_SECONDS = 3_600;
/** How often the last of it is tried to be brought; then it is waited whether this instance may go on instead. */
const TRIES = 2;

export interface BringerOptions extends KeeperOptions {
  /** The app's own folder, which the app goes on writing to. */
  own: string;
  transient: StartTransient;
}

/**
 * The StateKeeper of an instance that was launched without `[state]`, while another one that keeps it is to take the site
 * over. The app goes on as it is, with its own files. What it has written is brought to the bucket ahead, and once more,
 * to the last row, after it has ended: `seal` is when. An `open` is never written: nothing that is acknowledged here is
 * in the log. What the app has is never changed, so that it goes on with it where the hand-over comes to nothing.
 */
export class Bringer extends Keeper {
  readonly #own: string;
  readonly #transient: StartTransient;
  #failures = 0;

  constructor({ own, transient, ...options }: BringerOptions) {
    super(options);
    this.#own = own;
    this.#transient = transient;
  }

  /**
   * Brings what there is while the app works. Called again, it brings what has changed.
   * @param say called with how far it is. @throws EverspotError for what cannot be kept; Fenced
   */
  async ahead(
    { epoch, release }: { epoch: number; release: string },
    say: (detail: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.ready();
    await this.endShipper();
    const kept = await this.kept();
    const mine = kept?.instance === this.options.instance && kept.epoch === epoch && !kept.sealed;
    if (!mine) await this.take(epoch, signal);
    for (const name of this.#names) {
      say(`copies ${name}`);
      const to = await this.#cleared(name);
      await copyLive(this.#transient, release, name, to);
      await this.own(to, 0o660);
    }
    await this.#bringUploads();
    say(`brings ${this.#names.join(", ")}`);
    await this.ship(epoch, signal);
    await poll(
      "the uploads to be in the bucket",
      async () => {
        const status = await this.status();
        const left = (status as { uploading?: number } | undefined)?.uploading ?? 0;
        if (status?.state === "shipping" && left === 0 && status.behind === 0) return { done: true };
        say(`${left} uploads left to bring`);
        return { waiting: status === undefined ? "no answer" : `${left} left` };
      },
      { seconds: UPLOADS_SECONDS, everySeconds: 1, clock: this.options.clock, signal },
    );
  }

  override async takeOver(epoch: number, signal?: AbortSignal): Promise<TakenOver> {
    const done = await super.takeOver(epoch, signal);
    if (!done.opened) return done;
    throw new EverspotError("another instance was open: what this one has written is no longer the site's", {
      retry: "retry",
    });
  }

  override async start(epoch: number, signal?: AbortSignal): Promise<void> {
    await super.start(epoch, signal);
    this.#failures = 0;
  }

  override async open(): Promise<number> {
    return (await this.status())?.seq ?? 0;
  }

  override async seal(): Promise<number> {
    await this.forbid();
    try {
      const epoch = (await this.kept())?.epoch ?? 0;
      await this.endShipper();
      for (const name of this.#names) {
        for (const made of await copyAsLeft(this.#own, name, await this.#cleared(name))) {
          await this.own(made, 0o660);
        }
      }
      await this.#bringUploads();
      await this.ship(epoch);
      return await this.order("/seal");
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  /** What could not be sealed is not asked for again: whoever waits goes on without. */
  override async status() {
    return this.#failures < TRIES ? super.status() : undefined;
  }

  protected override async guard(): Promise<void> {
    const { units, unitFiles, places } = this.options;
    // Before it is asked for: the app runs.
    if ((await this.kept())?.sealed !== true) await writeFile(places.mayRun, "");
    await addToUnits(units, unitFiles, places, undefined);
  }

  get #names(): string[] {
    return this.options.config.state.database.map(keptName);
  }

  /** @returns the database's place, where nothing is. */
  async #cleared(name: string): Promise<string> {
    const at = join(this.options.places.databases, name);
    for (const suffix of ["", "-wal", "-shm", "-journal"]) await rm(at + suffix, { force: true });
    return at;
  }

  async #bringUploads(): Promise<void> {
    const { media } = this.options.config.state;
    if (media === undefined) return;
    await linkAll(join(this.#own, keptName(media)), this.options.places.media, (folder) =>
      this.own(folder, 0o2775),
    );
  }
}

const noted = z.object({ instance: z.string(), state: z.strictObject(camelKeys(stateTable)) });

/** What an instance that was launched without `[state]` brings along; undefined: nothing, or it was another one's. */
export async function readBrings(file: string, instance: string): Promise<StateTable | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const found = z.safeParse(noted, JSON.parse(text));
  return found.success && found.data.instance === instance ? found.data.state : undefined;
}

/** @param make the keeper of what is to be brought. @param what this instance brings already. */
export const bringing = (
  make: (state: StateTable) => Bringer,
  { file, instance }: { file: string; instance: string },
  what: StateTable | undefined,
): Bringing => ({
  what,
  async begin(state, at, say, signal) {
    await make(state).ahead(at, say, signal);
    await writeAtomic(file, JSON.stringify({ instance, state }), 0o600);
  },
});

/** The configuration as the parts see it that hand the site over; the app's own is that of its launch. */
export const withBrought = (config: BootConfig, what: StateTable | undefined): BootConfig =>
  // Uploads are served by the app, as ever.
  what === undefined ? config : { ...config, state: { ...what, media: undefined } };
