import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { Clock } from "../site/clock.ts";

/** Milliseconds between two knocks that are heard: anybody on another machine of the site can. */
const REST = 1_000;

/** Ends a watcher's pause before its time. What comes while it looks is not forgotten. */
export class Knock {
  readonly #clock: Clock;
  #pause: AbortController | undefined;
  #come = false;
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  come(): void {
    if (this.#clock.now() - this.#last < REST) return;
    this.#last = this.#clock.now();
    this.#come = true;
    this.#pause?.abort();
  }

  /** Returns after the time, when somebody knocks, or when the signal is aborted. */
  async pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    this.#pause = new AbortController();
    if (!this.#come)
      await clock.sleep(ms, AbortSignal.any([signal, this.#pause.signal])).catch(() => undefined);
    this.#come = false;
  }
}

/**
 * Knocks whenever something comes to a socket, whatever it is: nginx passes on there what another instance asks, see
 * serving/nginx-config.ts. @returns ends it.
 */
export async function knockAt(socket: string, knock: Knock): Promise<() => void> {
  await rm(socket, { force: true });
  const server: Server = createServer((request, response) => {
    request.resume();
    knock.come();
    response.writeHead(204).end();
  });
  // For nginx's workers: it carries nothing.
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path: socket, writableAll: true, readableAll: true }, resolve);
  });
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
