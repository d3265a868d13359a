import { readFile } from "node:fs/promises";
import type { Clock } from "../site/clock.ts";

/** Flag of a socket that listens (linux/net.h, __SO_ACCEPTCON). */
const LISTENS = 0x10000;
/** State of a connection that has not been accepted (linux/net.h, SS_CONNECTING). */
const WAITS = 2;

/** Connections to a Unix socket, accepted or waiting, in the form of /proc/net/unix (proc(5)). */
export function connectionsTo(socket: string, table: string, which: "all" | "waiting" = "all"): number {
  return table.split("\n").filter((line) => {
    const [, , , flags, , state, , path] = line.trim().split(/\s+/);
    if (path !== socket || (Number.parseInt(flags ?? "", 16) & LISTENS) !== 0) return false;
    return which === "all" || Number.parseInt(state ?? "", 16) === WAITS;
  }).length;
}

/**
 * Waits until a socket has no connections any more, up to a limit. An app that speaks ASGI has some that never end, and
 * knows how to end what it has taken: there, until none waits to be taken.
 * @returns whether that was reached.
 */
export async function drained(
  socket: string,
  { seconds, live }: { seconds: number; live: boolean },
  clock: Clock,
  read: () => Promise<string> = () => readFile("/proc/net/unix", "utf8"),
): Promise<boolean> {
  const deadline = clock.now() + seconds * 1000;
  for (;;) {
    if (connectionsTo(socket, await read(), live ? "waiting" : "all") === 0) return true;
    if (clock.now() >= deadline) return false;
    await clock.sleep(100);
  }
}
