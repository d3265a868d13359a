import { readFileSync } from "node:fs";

/**
 * Where this machine's control groups are mounted. `unified` (version 2) holds the processes and freezes them;
 * `memory` is the tree that limits memory: the same one, or version 1's, or none that may be used; so is `cpu`.
 */
export interface Hierarchies {
  unified: string | undefined;
  memory: { version: 1 | 2; path: string } | undefined;
  /** The tree that limits processor time, and the one that counts it; of version 2 the same. */
  cpu: { version: 1 | 2; path: string; counted: string } | undefined;
  /** Every tree: systemd-nspawn makes groups in those of version 1 that it knows, too. */
  mounts: readonly string[];
}

/** Reads /proc/self/mountinfo (proc(5): … mount point, options, optional fields, "-", type, source, super options). */
export function hierarchies(mountinfo = readFileSync("/proc/self/mountinfo", "utf8")): Hierarchies {
  const mounts = mountinfo
    .trim()
    .split("\n")
    .map((line) => {
      const [left = "", right = ""] = line.split(" - ");
      const [type = "", , options = ""] = right.split(" ");
      return { path: left.split(" ")[4] ?? "", type, options: options.split(",") };
    });
  const all = mounts.filter((m) => /^cgroup2?$/.test(m.type)).map((m) => m.path);
  const unified = mounts.find((m) => m.type === "cgroup2")?.path;
  const legacy = (controller: string) =>
    mounts.find((m) => m.type === "cgroup" && m.options.includes(controller))?.path;
  const handedOn = unified === undefined ? [] : enabled(unified);
  const tree = (controller: string) => {
    const path = legacy(controller);
    if (path !== undefined) return { version: 1 as const, path };
    const has = unified !== undefined && handedOn.includes(controller);
    return has ? { version: 2 as const, path: unified } : undefined;
  };
  const cpu = tree("cpu");
  const counted = cpu?.version === 1 ? legacy("cpuacct") : cpu?.path;
  return {
    unified,
    memory: tree("memory"),
    cpu: cpu && counted !== undefined ? { ...cpu, counted } : undefined,
    mounts: all,
  };
}

/** The controllers a group hands on to its children. */
function enabled(group: string): string[] {
  try {
    return readFileSync(`${group}/cgroup.subtree_control`, "utf8").trim().split(" ");
  } catch {
    return [];
  }
}
