import { readFile } from "node:fs/promises";
import type { Clock } from "../site/clock.ts";

/** Flag of a socket that listens (linux/net.h, __SO_ACCEPTCON). */
const LISTENS = 0x10000;

/** Connections to a Unix socket, accepted or waiting, in the form of /proc/net/unix (proc(5)). */
export function connectionsTo(socket: string, table: string): number {
  return table.split("\n").filter((line) => {
    const [, , , flags, , , , path] = line.trim().split(/\s+/);
    return path === socket && (Number.parseInt(flags ?? "", 16) & LISTENS) === 0;
  }).length;
}

/** Waits until a socket has no connections any more, up to a limit. @returns whether that was reached. */
export async function drained(
  socket: string,
  seconds: number,
  clock: Clock,
  read: () => Promise<string> = () => readFile("/proc/net/unix", "utf8"),
): Promise<boolean> {
  const deadline = clock.now() + seconds * 1000;
  for (;;) {
    if (connectionsTo(socket, await read()) === 0) return true;
    if (clock.now() >= deadline) return false;
    await clock.sleep(100);
  }
}
