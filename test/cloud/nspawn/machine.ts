import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../../agent/site/errors.ts";
import type { CreditMode, Machine } from "../machines.ts";
import { boot, type Container } from "./container.ts";
import type { CreditAccount } from "./credits.ts";
import { filesOf, hostnameOf, type Surroundings } from "./files.ts";
import type { Group } from "./group.ts";
import { memoryOf } from "./limits.ts";
import type { Disk } from "./overlay.ts";
import { MachineProcessor } from "./processor.ts";

/** One machine and its disk, on or off, over as many boots as it has. */
export class NspawnMachine {
  readonly disk: Disk;
  /** File with everything it printed. */
  readonly consoleFile: string;
  /** Whether the memory of its type is in force as its limit. */
  limited = false;
  /** What it is since its newest start: its address may have changed. */
  spec: Machine;
  readonly #group: Group;
  readonly #around: Surroundings;
  readonly #left: () => void;
  /** Only where credits are played, and the type has some. */
  readonly #processor: MachineProcessor | undefined;
  #usedBefore = 0;
  #container: Container | undefined;
  #frozen = false;
  /** An end that was asked for is not taken for the machine's own, and no boot outlives it. */
  #ending = true;
  /** Resolves when the machine is off. */
  #life: Promise<void> = Promise.resolve();

  /**
   * @param left called when it went off though no one asked it to.
   * @param credits whether a burstable type has no more of the processor than it has paid for.
   */
  constructor(
    spec: Machine,
    disk: Disk,
    group: Group,
    around: Surroundings,
    left: () => void,
    credits: boolean,
  ) {
    this.spec = spec;
    this.disk = disk;
    this.consoleFile = path.join(disk.directory, "console.log");
    this.#group = group;
    this.#around = around;
    this.#left = left;
    if (credits && spec.credits !== undefined) {
      this.#processor = new MachineProcessor(spec.credits, group, disk.directory);
    }
  }

  /** Process id of its pid 1; undefined while it does not run. */
  get leader(): number | undefined {
    return this.#container?.leader;
  }

  /** Seconds of the processor that it has used since it began, over all its boots. */
  async processorSeconds(): Promise<number | undefined> {
    const now = await this.#group.usage();
    return now === undefined ? this.#usedBefore || undefined : this.#usedBefore + now.used;
  }

  get credits(): CreditAccount | undefined {
    return this.#processor?.account;
  }

  /** From here on, and at the next start if it is off. */
  setCredits(mode: CreditMode): void {
    this.#processor?.set(mode);
  }

  /** Resolves when pid 1 runs. */
  async start(spec: Machine): Promise<void> {
    if (!this.#ending) throw new EverspotError(`${spec.instanceId} runs already`);
    this.spec = spec;
    this.#frozen = false;
    this.#ending = false;
    const booted = this.#life.then(() => this.#boot());
    this.#life = booted.then(
      () => this.#live(),
      () => this.#off(),
    );
    await booted;
  }

  /** Clean, then cut off after the grace. Idempotent. */
  async stop(graceSeconds: number): Promise<void> {
    const container = this.#container;
    this.#ending = true;
    if (container === undefined) return this.#life;
    const late = setTimeout(() => void this.kill(), graceSeconds * 1000);
    await asking(() => container.powerOff(), this.#life);
    clearTimeout(late);
  }

  /** Idempotent. */
  async kill(): Promise<void> {
    this.#ending = true;
    if (this.#container !== undefined) {
      this.#container.kill();
      // Frozen processes die of it too, but systemd-nspawn must be able to see that.
      await this.#group.release();
    }
    await this.#life;
  }

  /** Resolves when it has gone down to come up again. */
  async reboot(): Promise<void> {
    const container = this.#container;
    if (container === undefined) throw new EverspotError(`${this.spec.instanceId} does not run`);
    await asking(() => container.reboot(), container.ended);
  }

  async freeze(frozen: boolean): Promise<void> {
    if (this.#container === undefined) throw new EverspotError(`${this.spec.instanceId} does not run`);
    await this.#group.freeze(frozen);
    this.#frozen = frozen;
  }

  /** Nothing in it moves while `run` does; one that is off, or frozen already, stays so. */
  async still(run: () => Promise<void>): Promise<void> {
    if (this.#container === undefined || this.#frozen) return run();
    await this.#group.freeze(true);
    try {
      await run();
    } finally {
      await this.#group.release();
    }
  }

  async #boot(): Promise<void> {
    const { spec, disk } = this;
    const system = await readFile(path.join(disk.root, "etc/ssl/certs/ca-certificates.crt"), "utf8");
    for (const [file, content] of Object.entries(filesOf(spec, this.#around, system))) {
      const target = path.join(disk.root, file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, content);
    }
    this.limited = await this.#group.create(memoryOf(spec.instanceType));
    await this.#processor?.hold();
    this.#container = await boot({
      root: disk.root,
      name: spec.instanceId,
      hostname: hostnameOf(spec.address),
      groups: this.#group.directories,
      console: this.consoleFile,
    });
    if (this.#ending) this.#container.kill();
    else await this.#processor?.watch(this.#container.leader, (message) => this.#say(message));
  }

  #say(message: string): void {
    void appendFile(this.consoleFile, `${message}\n`).catch(() => {});
  }

  async #live(): Promise<void> {
    while (this.#container !== undefined) {
      const how = await this.#container.ended;
      this.#container = undefined;
      await this.#processor?.end();
      if (how === "off" || this.#ending) break;
      await this.#boot().catch((error) => appendFile(this.consoleFile, `${messageOf(error)}\n`));
    }
    await this.#off();
  }

  async #off(): Promise<void> {
    await this.#processor?.end();
    this.#usedBefore += (await this.#group.usage())?.used ?? 0;
    await this.#group.remove();
    if (!this.#ending) this.#left();
    this.#ending = true;
  }
}

/** Asks until it has happened: a pid 1 that has only just started does not listen yet. */
async function asking(ask: () => void, happened: Promise<unknown>): Promise<void> {
  ask();
  const again = setInterval(ask, 500);
  await happened;
  clearInterval(again);
}
