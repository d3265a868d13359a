/** Who reads a database for so long that its write-ahead log cannot be copied into it. */
import { readFile, stat } from "node:fs/promises";
import type { Reader } from "../ports/state.ts";
import { APP_SLICE } from "../system/paths.ts";

/**
 * Where SQLite locks the index of a write-ahead log for its readers, one byte for each place at which one may stand
 * (https://www.sqlite.org/walformat.html, "WAL Locks").
 */
const FIRST = 123;
const LAST = 127;

/** Processes that hold a lock of a reader on a file, as /proc/locks has them (proc(5)). */
export function readersIn(locks: string, inode: number): number[] {
  const found = locks.split("\n").flatMap((line) => {
    const [, kind, , , pid, file, from, to] = line.trim().split(/\s+/);
    if (kind !== "POSIX" || file?.split(":").at(-1) !== String(inode)) return [];
    const reads = Number(from) <= LAST && (to === "EOF" || Number(to) >= FIRST);
    return reads ? [Number(pid)] : [];
  });
  return [...new Set(found)];
}

/** @param index of the database's write-ahead log. @param except processes that may. */
export async function readersOf(index: string, except: readonly number[]): Promise<Reader[]> {
  const [locks, { ino }] = await Promise.all([readFile("/proc/locks", "utf8"), stat(index)]);
  const found: Reader[] = [];
  for (const pid of readersIn(locks, ino)) {
    if (except.includes(pid)) continue;
    const one = await describe(pid).catch(() => undefined);
    if (one !== undefined) found.push(one);
  }
  return found;
}

/** Ticks of a second, in which the kernel counts when a process began (proc(5), /proc/pid/stat). */
const TICKS = 100;
const LONGEST_NAME = 80;

async function describe(pid: number): Promise<Reader> {
  const of = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8");
  const [command, status, uptime, group] = await Promise.all([
    of("cmdline"),
    of("stat"),
    readFile("/proc/uptime", "utf8"),
    of("cgroup"),
  ]);
  // The program's name stands in brackets, and may have any in it.
  const began = Number(status.slice(status.lastIndexOf(")") + 2).split(" ")[19]);
  return {
    pid,
    name: command.replaceAll("\0", " ").trim().slice(0, LONGEST_NAME),
    seconds: Math.round(Number(uptime.split(" ")[0]) - began / TICKS),
    ours: group.includes(APP_SLICE),
  };
}
