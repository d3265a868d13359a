import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { poll } from "../../../agent/site/poll.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** The control groups of one machine: to freeze it, and to limit its memory where this system lets us. */
export class Group {
  /** Every directory a machine's first process must be put into. */
  readonly directories: readonly string[];
  /** Where systemd-nspawn may have made groups of its own. */
  private readonly all: readonly string[];
  private readonly unified: string;
  private readonly memory: Sandbox["cgroups"]["memory"];

  constructor(cgroups: Sandbox["cgroups"], name: string) {
    this.unified = path.join(cgroups.unified, name);
    this.memory = cgroups.memory && { ...cgroups.memory, path: path.join(cgroups.memory.path, name) };
    this.all = cgroups.all.map((group) => path.join(group, name));
    this.directories = [...new Set([this.unified, ...(this.memory ? [this.memory.path] : [])])];
  }

  /** Idempotent. Says whether the memory limit is in force. */
  async create(memoryBytes: number | undefined): Promise<boolean> {
    if (this.memory?.version === 2) {
      await writeFile(path.join(path.dirname(this.memory.path), "cgroup.subtree_control"), "+memory").catch(
        () => {},
      );
    }
    for (const directory of this.directories) await mkdir(directory, { recursive: true });
    if (memoryBytes === undefined || this.memory === undefined) return false;
    const file = this.memory.version === 2 ? "memory.max" : "memory.limit_in_bytes";
    return writeFile(path.join(this.memory.path, file), String(memoryBytes)).then(
      () => true,
      () => false,
    );
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
