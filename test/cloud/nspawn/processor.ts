import { type FileHandle, open, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { messageOf } from "../../../agent/site/errors.ts";
import type { CreditMode, Credits } from "../machines.ts";
import { CreditAccount } from "./credits.ts";
import type { Group, Usage } from "./group.ts";

const EVERY_MS = 250;
/** The kernel's unit in /proc/stat. */
const TICKS = 100;

/**
 * The processor time of one machine of a burstable type, from its power-on to its end: held to its baseline while it
 * has no credits, and counted in its own /proc/stat, where what it was kept from is stolen, as on a virtual machine.
 */
export class MachineProcessor {
  readonly account: CreditAccount;
  readonly #group: Group;
  readonly #file: string;
  #ended = true;
  #stat: FileHandle | undefined;
  #last: { at: number; usage: Usage } | undefined;
  #limit: number | undefined;

  constructor(credits: Credits, group: Group, directory: string) {
    this.account = new CreditAccount(credits);
    this.#group = group;
    this.#file = path.join(directory, "stat");
  }

  /** Before the first process of a boot. */
  async hold(): Promise<void> {
    this.#last = undefined;
    this.#limit = undefined;
    this.#ended = false;
    this.#stat = await open(this.#file, "w");
    await this.#look();
  }

  /** @param leader the machine's pid 1. @param onTrouble told of what a later look fails with. */
  async watch(leader: number, onTrouble: (message: string) => void): Promise<void> {
    const program = path.join(import.meta.dirname, "mount-over.pl");
    await execa("perl", [program, this.#file, String(leader), "/proc/stat"]);
    void this.#keepLooking().catch((error: unknown) => {
      if (!this.#ended) onTrouble(messageOf(error));
    });
  }

  set(mode: CreditMode): void {
    this.account.set(mode);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#stat?.close();
    this.#stat = undefined;
  }

  async #keepLooking(): Promise<void> {
    while (!this.#ended) {
      await delay(EVERY_MS);
      if (!this.#ended) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const usage = await this.#group.usage();
    if (usage === undefined) return;
    const at = performance.now();
    if (this.#last !== undefined) {
      this.account.pass((at - this.#last.at) / 1000, usage.used - this.#last.usage.used);
    }
    this.#last = { at, usage };
    const { limit } = this.account;
    if (limit !== this.#limit) await this.#group.limit(limit);
    this.#limit = limit;
    await this.#write(usage);
  }

  /** In place: the machine sees this very file. Its other lines are this machine's. */
  async #write({ used, throttled }: Usage): Promise<void> {
    const own = [used * TICKS, 0, 0, 0, 0, 0, 0, throttled * TICKS, 0, 0].map(Math.round);
    const text = (await readFile("/proc/stat", "utf8")).replace(/^cpu .*$/m, `cpu  ${own.join(" ")}`);
    await this.#stat?.write(text, 0);
    await this.#stat?.truncate(Buffer.byteLength(text));
  }
}
