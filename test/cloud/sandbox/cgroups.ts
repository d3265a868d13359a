import { readFileSync } from "node:fs";

/**
 * Where this machine's control groups are mounted. `unified` (version 2) holds the processes and freezes them;
 * `memory` is the tree that limits memory: the same one, or version 1's, or none that may be used.
 */
export interface Hierarchies {
  unified: string | undefined;
  memory: { version: 1 | 2; path: string } | undefined;
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
  const legacy = mounts.find((m) => m.type === "cgroup" && m.options.includes("memory"))?.path;
  if (legacy !== undefined) return { unified, memory: { version: 1, path: legacy }, mounts: all };
  if (unified !== undefined && enabled(unified).includes("memory")) {
    return { unified, memory: { version: 2, path: unified }, mounts: all };
  }
  return { unified, memory: undefined, mounts: all };
}

/** The controllers a group hands on to its children. */
function enabled(group: string): string[] {
  try {
    return readFileSync(`${group}/cgroup.subtree_control`, "utf8").trim().split(" ");
  } catch {
    return [];
  }
}
