import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { poll } from "../../../agent/site/poll.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** Seconds since the group was made, of all processors together. */
export interface Usage {
  used: number;
  /** For how long what was to run was kept from it by the limit. */
  throttled: number;
}

/** Microseconds over which a limit on processor time holds: the kernel's own default. */
const PERIOD = 100_000;

/** The control groups of one machine: to freeze it, and to limit its memory and processor time where this system lets us. */
export class Group {
  /** Every directory a machine's first process must be put into. */
  readonly directories: readonly string[];
  /** Where systemd-nspawn may have made groups of its own. */
  private readonly all: readonly string[];
  private readonly unified: string;
  private readonly memory: Sandbox["cgroups"]["memory"];
  private readonly cpu: Sandbox["cgroups"]["cpu"];

  constructor(cgroups: Sandbox["cgroups"], name: string) {
    this.unified = path.join(cgroups.unified, name);
    this.memory = cgroups.memory && { ...cgroups.memory, path: path.join(cgroups.memory.path, name) };
    this.cpu = cgroups.cpu && {
      ...cgroups.cpu,
      path: path.join(cgroups.cpu.path, name),
      counted: path.join(cgroups.cpu.counted, name),
    };
    this.all = cgroups.all.map((group) => path.join(group, name));
    this.directories = [
      ...new Set([
        this.unified,
        ...(this.memory ? [this.memory.path] : []),
        ...(this.cpu ? [this.cpu.path, this.cpu.counted] : []),
      ]),
    ];
  }

  /** Idempotent. Says whether the memory limit is in force. */
  async create(memoryBytes: number | undefined): Promise<boolean> {
    const handOn = path.join(path.dirname(this.unified), "cgroup.subtree_control");
    if (this.memory?.version === 2) await writeFile(handOn, "+memory").catch(() => {});
    if (this.cpu?.version === 2) await writeFile(handOn, "+cpu").catch(() => {});
    for (const directory of this.directories) await mkdir(directory, { recursive: true });
    if (memoryBytes === undefined || this.memory === undefined) return false;
    const file = this.memory.version === 2 ? "memory.max" : "memory.limit_in_bytes";
    return writeFile(path.join(this.memory.path, file), String(memoryBytes)).then(
      () => true,
      () => false,
    );
  }

  /** @param processors that it may use, in part too; undefined: all. @throws when this system has no such limit. */
  async limit(processors: number | undefined): Promise<void> {
    const { cpu } = this;
    if (cpu === undefined) throw new EverspotError("no control group limits processor time on this machine");
    const quota = processors === undefined ? undefined : Math.round(processors * PERIOD);
    if (cpu.version === 2) await writeFile(path.join(cpu.path, "cpu.max"), `${quota ?? "max"} ${PERIOD}`);
    else await writeFile(path.join(cpu.path, "cpu.cfs_quota_us"), String(quota ?? -1));
  }

  /** Undefined where this system does not count, and once the group is gone. */
  async usage(): Promise<Usage | undefined> {
    const { cpu } = this;
    if (cpu === undefined) return undefined;
    const stat = await readFile(path.join(cpu.path, "cpu.stat"), "utf8").catch(() => undefined);
    if (stat === undefined) return undefined;
    const of = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
    if (cpu.version === 2) return { used: of("usage_usec") / 1e6, throttled: of("throttled_usec") / 1e6 };
    const used = await readFile(path.join(cpu.counted, "cpuacct.usage"), "utf8").catch(() => "0");
    return { used: Number(used) / 1e9, throttled: of("throttled_time") / 1e9 };
  }

  async freeze(frozen: boolean): Promise<void> {
    await writeFile(path.join(this.unified, "cgroup.freeze"), frozen ? "1" : "0");
    await poll(
      frozen ? "the machine freezes" : "the machine thaws",
      async () => {
        const events = await readFile(path.join(this.unified, "cgroup.events"), "utf8");
        return events.includes(`frozen ${frozen ? 1 : 0}`) ? { done: undefined } : { waiting: events.trim() };
      },
      { seconds: 10, everySeconds: 0.02 },
    );
  }

  /** Thaws what may be frozen, or gone. */
  async release(): Promise<void> {
    await writeFile(path.join(this.unified, "cgroup.freeze"), "0").catch(() => {});
  }

  /** After the machine's last process ended. Idempotent. */
  async remove(): Promise<void> {
    for (const directory of this.all) await removeTree(directory);
  }
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await removeTree(path.join(directory, entry.name));
  }
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}
