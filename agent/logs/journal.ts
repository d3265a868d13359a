import { spawn } from "node:child_process";
import { once } from "node:events";
import { StringDecoder } from "node:string_decoder";
import { type Entry, FIELDS, readEntry } from "./entry.ts";

/** The journal from one place on, as it grows. Holds a bounded part of it: what is not taken waits in the journal. */
export interface Tail {
  /** What came since the last call, oldest first. */
  take(): Entry[];
  /** Resolves once there is something to take, or the tail has ended. @throws when aborted. */
  filled(signal: AbortSignal): Promise<void>;
  /** Whether no more fits. */
  readonly full: boolean;
  /** Why nothing more will come; undefined as long as something may. */
  readonly ended: string | undefined;
  close(): void;
}

/** @param after cursor of the last entry that is known; undefined: from the beginning of this boot. */
export type OpenTail = (after: string | undefined) => Tail;

/** Characters of what was read and not taken: some 400 lines. All that is made of them is in memory once more. */
const MOST = 250_000;
/** Bytes of one entry; a longer one is left out. systemd cuts lines at 48 KB, but a program may send longer ones. */
const LONGEST = 250_000;

/**
 * By journalctl(1), which reads no more than is taken from it.
 * @param program and what comes before its own arguments.
 */
export function journalTail(program: readonly [string, ...string[]] = ["journalctl"]): OpenTail {
  return (after) => {
    const [command, ...first] = program;
    const child = spawn(
      command,
      [
        ...first,
        ...["--follow", "--no-tail", "--quiet", "--all", "--output=json"],
        `--output-fields=${FIELDS.join(",")}`,
        after === undefined ? "--boot" : `--after-cursor=${after}`,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const events = new EventTarget();
    const decoder = new StringDecoder("utf8");
    const changed = () => events.dispatchEvent(new Event("changed"));
    let lines: string[] = [];
    let size = 0;
    let open = "";
    let skipping = false;
    let said = "";
    let ended: string | undefined;
    const end = (why: string): void => {
      ended ??= said.trim() || why;
      changed();
    };
    child.stdout.on("data", (bytes: Buffer) => {
      const parts = (open + decoder.write(bytes)).split("\n");
      open = parts.pop() ?? "";
      if (skipping && parts.length > 0) {
        parts.shift();
        skipping = false;
      }
      if (skipping) open = "";
      else if (open.length > LONGEST) {
        open = "";
        skipping = true;
      }
      for (const line of parts) size += line.length;
      lines.push(...parts);
      if (size >= MOST) child.stdout.pause();
      if (parts.length > 0) changed();
    });
    child.stderr.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString("utf8")).slice(-500);
    });
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(`journalctl ended with ${code ?? signal}`));
    return {
      take: () => {
        const taken = lines;
        lines = [];
        size = 0;
        child.stdout.resume();
        return taken.flatMap((line) => readEntry(line) ?? []);
      },
      filled: async (signal) => {
        signal.throwIfAborted();
        while (lines.length === 0 && ended === undefined) await once(events, "changed", { signal });
      },
      get full() {
        return size >= MOST;
      },
      get ended() {
        return lines.length > 0 ? undefined : ended;
      },
      close: () => {
        ended ??= "closed";
        child.kill("SIGKILL");
        child.stdout.destroy();
        child.stderr.destroy();
      },
    };
  };
}
