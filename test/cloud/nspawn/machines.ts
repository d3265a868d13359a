import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { EverspotError, messageOf } from "../../../agent/site/errors.ts";
import type { Machine, Machines } from "../machines.ts";
import { requireSandbox, type Sandbox } from "../sandbox/sandbox.ts";
import { boot, type Container } from "./container.ts";
import { environmentOf, filesOf, hostnameOf, type Surroundings } from "./files.ts";
import { Group } from "./group.ts";
import { Images } from "./images.ts";
import { memoryOf } from "./limits.ts";
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
}

interface Running {
  machine: Machine;
  disk: Disk;
  group: Group;
  limited: boolean;
  container: Container | undefined;
  /** Set before an end we ask for, so that it is not taken for the machine's own. */
  stopping: boolean;
  /** Follows the machine over its reboots; resolves when it is off. */
  life: Promise<void>;
}

/**
 * Machines that are real: Debian with systemd and cloud-init, under systemd-nspawn, in the sandbox this process
 * runs in. They share its network (each binds its own address) and its kernel. Not modelled: kernel and boot
 * loader, CPU shares and credits, /proc/meminfo (shows the whole machine; the limit itself is in force where
 * the control groups allow it).
 * @throws EverspotError outside of a sandbox.
 */
export function nspawnMachines(options: {
  around: Surroundings;
  /** Root directory of a stock image (see ensureImage). */
  image: (imageId: string) => Promise<string>;
}): NspawnMachines {
  return new Driver(requireSandbox(), options.around, options.image);
}

class Driver implements NspawnMachines {
  readonly #sandbox: Sandbox;
  readonly #logs: string;
  readonly #around: Surroundings;
  readonly #images: Images;
  readonly #machines = new Map<string, Running>();
  readonly #listeners: ((instanceId: string) => void)[] = [];

  constructor(sandbox: Sandbox, around: Surroundings, image: (imageId: string) => Promise<string>) {
    this.#sandbox = sandbox;
    this.#logs = path.join(sandbox.directory, "logs");
    this.#around = around;
    this.#images = new Images(path.join(sandbox.directory, "machines/layers"), image);
  }

  async start(machine: Machine): Promise<void> {
    const { instanceId } = machine;
    const known = this.#machines.get(instanceId);
    if (known?.container !== undefined) throw new EverspotError(`${instanceId} runs already`);
    const running = known ?? (await this.#create(machine));
    running.machine = machine;
    running.stopping = false;
    this.#machines.set(instanceId, running);
    await this.#boot(running);
    running.life = this.#live(running);
  }

  async #create(machine: Machine): Promise<Running> {
    const directory = path.join(this.#sandbox.directory, "machines", machine.instanceId);
    const disk = new Disk(directory, await this.#images.layersOf(machine.imageId));
    await disk.mount();
    await writeFile(path.join(disk.root, "etc/machine-id"), machineIdOf(machine.instanceId));
    const group = new Group(this.#sandbox.cgroups, machine.instanceId);
    return {
      machine,
      disk,
      group,
      limited: false,
      container: undefined,
      stopping: false,
      life: Promise.resolve(),
    };
  }

  async #boot(running: Running): Promise<void> {
    const { machine, disk, group } = running;
    const system = await readFile(path.join(disk.root, "etc/ssl/certs/ca-certificates.crt"), "utf8");
    for (const [file, content] of Object.entries(filesOf(machine, this.#around, system))) {
      const target = path.join(disk.root, file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, content);
    }
    running.limited = await group.create(memoryOf(machine.instanceType));
    running.container = await boot({
      root: disk.root,
      name: machine.instanceId,
      hostname: hostnameOf(machine.address),
      groups: group.directories,
      console: this.#consoleFile(machine.instanceId),
    });
  }

  async #live(running: Running): Promise<void> {
    const { instanceId } = running.machine;
    while (running.container !== undefined) {
      const how = await running.container.ended;
      running.container = undefined;
      if (how === "reboot" && !running.stopping) {
        await this.#boot(running);
      } else {
        await running.group.remove();
        if (!running.stopping) for (const listener of this.#listeners) listener(instanceId);
      }
    }
  }

  async stop(instanceId: string, graceSeconds: number): Promise<void> {
    const running = this.#machines.get(instanceId);
    if (running?.container === undefined) return;
    running.stopping = true;
    const { container } = running;
    const late = setTimeout(() => container.kill(), graceSeconds * 1000);
    await asking(() => container.powerOff(), running.life);
    clearTimeout(late);
  }

  async kill(instanceId: string): Promise<void> {
    const running = this.#machines.get(instanceId);
    if (running?.container === undefined) return;
    running.stopping = true;
    running.container.kill();
    // Frozen processes die of it too, but systemd-nspawn must be able to see that.
    await running.group.release();
    await running.life;
  }

  async freeze(instanceId: string): Promise<void> {
    await this.#running(instanceId).group.freeze(true);
  }

  async thaw(instanceId: string): Promise<void> {
    await this.#running(instanceId).group.freeze(false);
  }

  async reboot(instanceId: string): Promise<void> {
    const { container } = this.#running(instanceId);
    await asking(() => container.reboot(), container.ended);
  }

  async remove(instanceId: string): Promise<void> {
    const running = this.#machines.get(instanceId);
    if (running === undefined) return;
    await this.kill(instanceId);
    await this.#keepLogs(instanceId);
    await running.disk.remove();
    this.#machines.delete(instanceId);
    await this.#prune(running.disk.layers);
  }

  async snapshot(instanceId: string, imageId: string): Promise<void> {
    await this.#images.add(imageId, this.#known(instanceId).disk);
  }

  async removeImage(imageId: string): Promise<void> {
    const layers = await this.#images.layersOf(imageId);
    this.#images.remove(imageId);
    await this.#prune(layers);
  }

  #prune(layers: readonly string[]): Promise<void> {
    return this.#images.prune(
      [...this.#machines.values()].map((m) => m.disk),
      layers,
    );
  }

  onExit(listener: (instanceId: string) => void): void {
    this.#listeners.push(listener);
  }

  async console(instanceId: string): Promise<string> {
    return readFile(this.#consoleFile(instanceId), "utf8").catch(() => "");
  }

  async exec(instanceId: string, command: string, args: readonly string[]) {
    const { container, machine } = this.#running(instanceId);
    const env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LANG: "C.UTF-8",
    };
    const result = await execa(
      "nsenter",
      ["--target", String(container.leader), "--all", "--", command, ...args],
      {
        env: { ...env, ...environmentOf(machine, this.#around) },
        extendEnv: false,
        reject: false,
        stdin: "ignore",
      },
    );
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
    const file = (kind: string) => path.join(this.#logs, `${instanceId}.${kind}`);
    await writeFile(file("journal"), await this.journal(instanceId).catch(messageOf));
    await writeFile(file("console"), await this.console(instanceId));
  }

  leader(instanceId: string): number | undefined {
    return this.#machines.get(instanceId)?.container?.leader;
  }

  disk(instanceId: string): string {
    return this.#known(instanceId).disk.root;
  }

  memoryLimited(instanceId: string): boolean {
    return this.#machines.get(instanceId)?.limited ?? false;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#machines.keys()].map((id) => this.remove(id)));
  }

  #known(instanceId: string): Running {
    const running = this.#machines.get(instanceId);
    if (running === undefined) throw new EverspotError(`there is no machine ${instanceId}`);
    return running;
  }

  #running(instanceId: string): Running & { container: Container } {
    const running = this.#machines.get(instanceId);
    if (running?.container === undefined) throw new EverspotError(`${instanceId} does not run`);
    return running as Running & { container: Container };
  }

  #consoleFile(instanceId: string): string {
    return path.join(this.#sandbox.directory, "machines", instanceId, "console.log");
  }
}

/** Asks until it has happened: a pid 1 that has only just started does not listen yet. */
async function asking(ask: () => void, happened: Promise<unknown>): Promise<void> {
  ask();
  const again = setInterval(ask, 500);
  await happened;
  clearInterval(again);
}

/** machine-id(5): 32 hex digits; different for every instance, as on a first boot. */
const machineIdOf = (instanceId: string) =>
  `${instanceId
    .replace(/[^0-9a-f]/g, "")
    .padStart(32, "e0")
    .slice(-32)}\n`;
