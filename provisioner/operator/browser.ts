import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import open from "open";

/** Opens an address in the person's browser. @returns whether one could be started. */
export type Browse = (url: string) => Promise<boolean>;

/** Milliseconds in which a program that cannot show anything has said so; a browser runs on. */
const SOON = 1_000;

export function createBrowse(): Browse {
  return async (url) => {
    const over = new AbortController();
    try {
      const started = await open(url);
      const ended = once(started, "exit").then(() => started.exitCode);
      const code = await Promise.race([ended, setTimeout(SOON, 0, { signal: over.signal })]);
      return code === 0;
    } catch {
      // There is no such program here: the caller says so.
      return false;
    } finally {
      over.abort();
    }
  };
}
