import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { EverspotError, messageOf } from "../../../agent/site/errors.ts";
import type { CreditMode, Machine, Machines } from "../machines.ts";
import { requireSandbox, type Sandbox } from "../sandbox/sandbox.ts";
import type { CreditAccount } from "./credits.ts";
import { environmentOf, type Surroundings } from "./files.ts";
import { Group } from "./group.ts";
import { Images } from "./images.ts";
import { NspawnMachine } from "./machine.ts";
import { Disk } from "./overlay.ts";

export interface NspawnMachines extends Machines {
  /** journalctl's lines (short-precise) with these arguments, of a machine that runs or of a dead one's disk. */
  journal(instanceId: string, args?: readonly string[]): Promise<string>;
  /** "<instance>.journal" and "<instance>.console" of every machine so far, also of those removed. */
  logs(): Promise<Map<string, string>>;
  /** Process id of the machine's pid 1; undefined while it does not run. */
  leader(instanceId: string): number | undefined;
  /** The machine's disk, readable while it runs and after its end, until `remove`. */
  disk(instanceId: string): string;
  /** Whether the memory of a machine's type is in force as its limit. */
  memoryLimited(instanceId: string): boolean;
  /** Seconds of the processor that a machine has used, over all its boots; undefined where nothing counts them. */
  processorSeconds(instanceId: string): Promise<number | undefined>;
  /** What it has earned and borrowed; undefined where credits are not played, and for types without. */
  creditsOf(instanceId: string): CreditAccount | undefined;
}

/**
 * Machines that are real: Debian with systemd and cloud-init, under systemd-nspawn, in the sandbox this process
 * runs in. They share its network (each binds its own address) and its kernel. Not modelled: kernel and boot
 * loader, a type's number of processors, /proc/meminfo (shows the whole machine; the limit itself is in force where
 * the control groups allow it).
 * @throws EverspotError outside of a sandbox.
 */
export function nspawnMachines(options: {
  around: Surroundings;
  /** Root directory of a stock image (see ensureImage). */
  image: (imageId: string) => Promise<string>;
  /** Whether burstable types have no more of the processor than they have paid for. */
  credits?: boolean;
}): NspawnMachines {
  return new Driver(requireSandbox(), options.around, options.image, options.credits ?? false);
}

class Driver implements NspawnMachines {
  readonly #sandbox: Sandbox;
  readonly #directory: string;
  readonly #logs: string;
  readonly #around: Surroundings;
  readonly #images: Images;
  readonly #credits: boolean;
  readonly #machines = new Map<string, NspawnMachine>();
  readonly #creations = new Map<string, Promise<NspawnMachine>>();
  readonly #listeners: ((instanceId: string) => void)[] = [];

  constructor(
    sandbox: Sandbox,
    around: Surroundings,
    image: (imageId: string) => Promise<string>,
    credits: boolean,
  ) {
    this.#sandbox = sandbox;
    this.#credits = credits;
    this.#logs = path.join(sandbox.directory, "logs");
    this.#around = around;
    this.#directory = path.join(sandbox.directory, "machines");
    this.#images = new Images(path.join(this.#directory, "layers"), image);
  }

  async start(spec: Machine): Promise<void> {
    const { instanceId } = spec;
    let machine = this.#machines.get(instanceId);
    if (machine === undefined) {
      const creation = this.#create(spec);
      this.#creations.set(instanceId, creation);
      machine = await creation.finally(() => this.#creations.delete(instanceId));
    }
    await machine.start(spec);
  }

  /** The machine, if there is one or soon will be. */
  async #settled(instanceId: string): Promise<NspawnMachine | undefined> {
    await this.#creations.get(instanceId)?.catch(() => {});
    // Let `start` go first.
    await new Promise(setImmediate);
    return this.#machines.get(instanceId);
  }

  async #create(spec: Machine): Promise<NspawnMachine> {
    const { instanceId, imageId } = spec;
    const disk = new Disk(path.join(this.#directory, instanceId), await this.#images.layersOf(imageId));
    const machine = new NspawnMachine(
      spec,
      disk,
      new Group(this.#sandbox.cgroups, instanceId),
      this.#around,
      () => {
        for (const listener of this.#listeners) listener(instanceId);
      },
      this.#credits,
    );
    this.#machines.set(instanceId, machine);
    await disk.mount();
    await writeFile(path.join(disk.root, "etc/machine-id"), machineIdOf(instanceId));
    return machine;
  }

  async stop(instanceId: string, graceSeconds: number): Promise<void> {
    await (await this.#settled(instanceId))?.stop(graceSeconds);
  }

  async kill(instanceId: string): Promise<void> {
    await (await this.#settled(instanceId))?.kill();
  }

  async freeze(instanceId: string): Promise<void> {
    await this.#known(instanceId).freeze(true);
  }

  async thaw(instanceId: string): Promise<void> {
    await this.#known(instanceId).freeze(false);
  }

  setCredits(instanceId: string, mode: CreditMode): void {
    this.#machines.get(instanceId)?.setCredits(mode);
  }

  async reboot(instanceId: string): Promise<void> {
    await this.#known(instanceId).reboot();
  }

  async remove(instanceId: string): Promise<void> {
    const machine = await this.#settled(instanceId);
    if (machine === undefined) return;
    await machine.kill();
    await this.#keepLogs(instanceId);
    await machine.disk.remove();
    this.#machines.delete(instanceId);
    await this.#prune(machine.disk.layers);
  }

  async snapshot(instanceId: string, imageId: string): Promise<void> {
    const machine = this.#known(instanceId);
    // A snapshot is of one moment; a copy takes a while, in which nothing may be written.
    await machine.still(() => this.#images.add(imageId, machine.disk));
  }

  async removeImage(imageId: string): Promise<void> {
    await this.#prune(this.#images.remove(imageId));
  }

  #prune(layers: readonly string[]): Promise<void> {
    const disks = [...this.#machines.values()].map((machine) => machine.disk);
    return this.#images.prune(disks, layers);
  }

  onExit(listener: (instanceId: string) => void): void {
    this.#listeners.push(listener);
  }

  async console(instanceId: string): Promise<string> {
    const machine = this.#machines.get(instanceId);
    const file = machine?.consoleFile ?? this.#log(instanceId, "console");
    return readFile(file, "utf8").catch(() => "");
  }

  async exec(instanceId: string, command: string, args: readonly string[]) {
    const { leader, spec } = this.#known(instanceId);
    if (leader === undefined) throw new EverspotError(`${instanceId} does not run`);
    const env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LANG: "C.UTF-8",
    };
    const result = await execa("nsenter", ["--target", String(leader), "--all", "--", command, ...args], {
      env: { ...env, ...environmentOf(spec, this.#around) },
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    });
    return { exitCode: result.exitCode ?? 128, stdout: result.stdout, stderr: result.stderr };
  }

  async journal(instanceId: string, args: readonly string[] = []): Promise<string> {
    const all = ["--no-pager", "--output=short-precise", ...args];
    if (this.leader(instanceId) !== undefined) return (await this.exec(instanceId, "journalctl", all)).stdout;
    // The image's own journalctl: this machine's may be too old for the files.
    const { stdout } = await execa("chroot", [this.disk(instanceId), "journalctl", ...all], {
      reject: false,
    });
    return stdout;
  }

  async logs(): Promise<Map<string, string>> {
    for (const instanceId of this.#machines.keys()) await this.#keepLogs(instanceId);
    const names = await readdir(this.#logs).catch(() => []);
    const texts = names
      .sort()
      .map(async (n) => [n, await readFile(path.join(this.#logs, n), "utf8")] as const);
    return new Map(await Promise.all(texts));
  }

  async #keepLogs(instanceId: string): Promise<void> {
    await mkdir(this.#logs, { recursive: true });
    await writeFile(this.#log(instanceId, "journal"), await this.journal(instanceId).catch(messageOf));
    await writeFile(this.#log(instanceId, "console"), await this.console(instanceId));
  }

  #log(instanceId: string, kind: "journal" | "console"): string {
    return path.join(this.#logs, `${instanceId}.${kind}`);
  }

  leader(instanceId: string): number | undefined {
    return this.#machines.get(instanceId)?.leader;
  }

  disk(instanceId: string): string {
    return this.#known(instanceId).disk.root;
  }

  memoryLimited(instanceId: string): boolean {
    return this.#machines.get(instanceId)?.limited ?? false;
  }

  async processorSeconds(instanceId: string): Promise<number | undefined> {
    return this.#machines.get(instanceId)?.processorSeconds();
  }

  creditsOf(instanceId: string): CreditAccount | undefined {
    return this.#machines.get(instanceId)?.credits;
  }

  async close(): Promise<void> {
    const ids = new Set([...this.#machines.keys(), ...this.#creations.keys()]);
    await Promise.all([...ids].map((id) => this.remove(id)));
  }

  #known(instanceId: string): NspawnMachine {
    const machine = this.#machines.get(instanceId);
    if (machine === undefined) throw new EverspotError(`there is no machine ${instanceId}`);
    return machine;
  }
}

/** machine-id(5): 32 hex digits; different for every instance, as on a first boot. */
const machineIdOf = (instanceId: string) =>
  `${instanceId
    .replace(/[^0-9a-f]/g, "")
    .padStart(32, "e0")
    .slice(-32)}\n`;
