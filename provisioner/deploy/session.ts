import type { DeployState } from "../../agent/site/documents/deploy-state.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";
import { type DeployLock, type Note, takeLock } from "./lock.ts";
import type { Timeline } from "./timeline.ts";

/** What a command that brings something in works with. */
export interface Given {
  config: SiteConfig;
  aws: Aws;
  tools: Tools;
  timeline: Timeline;
  kind: DeployState["kind"];
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
}

/** One deploy while it has the lock. */
export interface Session extends Given {
  lock: DeployLock;
  /** A deploy that was never ended: what it left is recovered first. */
  leftover: DeployState | undefined;
  /** Aborted by Ctrl-C, and when the lock is lost. */
  signal: AbortSignal;
  /** What was noted, for a recovery. */
  written: Note;
  /** The owner when it began. */
  old: string | undefined;
  /** Runs a step under its name, which appears on the terminal, in the result and in deploy.json. */
  step<T>(name: string, run: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  /** Notes something before it is done, so that whoever comes after a crash knows. */
  note(note: Note): Promise<void>;
}

/** Takes the lock. @throws EverspotError when someone else has it. */
export async function openSession(given: Given): Promise<Session> {
  const { aws, tools, timeline, kind, interrupted } = given;
  const { clock, holder } = tools;
  const { lock, leftover } = await takeLock(aws.store, { kind, by: holder, step: "start", clock });
  const signal = AbortSignal.any([interrupted, lock.lost]);
  const written: Note = {};
  return {
    ...given,
    ...{ lock, leftover, signal, written, old: undefined },
    step: async (name, run) => {
      signal.throwIfAborted();
      await lock.note({ step: name });
      return timeline.step(name, run);
    },
    note: async (note) => {
      Object.assign(written, note);
      await lock.note(note);
    },
  };
}
