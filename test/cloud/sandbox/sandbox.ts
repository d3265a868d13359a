import { readFileSync } from "node:fs";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { hierarchies } from "./cgroups.ts";

/** The sandbox this process runs in. */
export interface Sandbox {
  id: string;
  /** Private to this sandbox, on disk, gone with it. */
  directory: string;
  /** Kept between runs: images, packages. Same file system as `directory`. */
  cache: string;
  /** Unix socket of the mirror proxy's outer half. */
  mirrorSocket: string;
  cgroups: {
    /** Version 2; each machine gets a group below it. */
    unified: string;
    memory: { version: 1 | 2; path: string } | undefined;
    cpu: { version: 1 | 2; path: string; counted: string } | undefined;
    /** In every tree. */
    all: readonly string[];
  };
}

export const sandboxVariable = "EVERSPOT_SANDBOX";

/** Kept between runs: images and packages in it are named by what they were made from. */
export function cacheDirectory(env = process.env): string {
  return path.join(env.XDG_CACHE_HOME || "/var/cache", "everspot-rehearsal");
}

export const groupName = (sandboxId: string) => `everspot-${sandboxId}`;

/**
 * @throws EverspotError outside of a sandbox, or when a route leaves it: machines are started nowhere else,
 * because they and their tests would reach the network of the machine, its metadata service among it.
 */
export function requireSandbox(): Sandbox {
  const directory = process.env[sandboxVariable];
  const routes = readFileSync("/proc/self/net/route", "utf8").trim().split("\n").length - 1;
  if (directory === undefined || routes > 0) {
    throw new EverspotError("real instances run in a sandbox only, and this process is in none", {
      hint: "start the command through scripts/sandbox",
    });
  }
  const id = path.basename(directory);
  const { unified, memory, cpu, mounts } = hierarchies();
  if (unified === undefined) throw new EverspotError("no cgroup2 file system is mounted");
  return {
    id,
    directory,
    cache: path.dirname(path.dirname(directory)),
    mirrorSocket: path.join(directory, "mirror.sock"),
    cgroups: {
      unified: path.join(unified, groupName(id)),
      memory: memory && { version: memory.version, path: path.join(memory.path, groupName(id)) },
      cpu: cpu && {
        version: cpu.version,
        path: path.join(cpu.path, groupName(id)),
        counted: path.join(cpu.counted, groupName(id)),
      },
      all: mounts.map((mount) => path.join(mount, groupName(id))),
    },
  };
}

/** Arguments that run a command in the sandbox from outside of it, in the machine where it was started. */
export function enterCommand(sandbox: Sandbox): string[] {
  const pid = readFileSync(path.join(sandbox.directory, "pid"), "utf8");
  const inside = `--pid=/proc/${pid}/ns/pid_for_children`;
  return ["nsenter", `--target=${pid}`, "--net", "--mount", "--ipc", inside];
}
