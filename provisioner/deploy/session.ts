import { channelDocument, quarantine } from "../../agent/site/channel.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { type DeployState, siteDocument } from "../../agent/site/records.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { abandoned, keepDeploy } from "../history/deploys.ts";
import type { Tools } from "../operator/tools.ts";
import { NotServed } from "./follow-candidate.ts";
import { type DeployLock, type Note, takeLock } from "./lock.ts";
import { putInOrder } from "./put-in-order.ts";
import type { Timeline } from "./timeline.ts";

/** One deploy while it has the lock. */
export interface Session {
  config: SiteConfig;
  aws: Aws;
  tools: Tools;
  timeline: Timeline;
  lock: DeployLock;
  kind: DeployState["kind"];
  /** Aborted by Ctrl-C, and when the lock is lost. */
  signal: AbortSignal;
  /** The owner when it began. */
  old: string | undefined;
  /** A step under its name: on the terminal, in the result and in deploy.json. */
  step<T>(name: string, run: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  /** Written down before it is done, so that whoever comes after a crash knows. */
  note(note: Note): Promise<void>;
}

/**
 * Runs a deploy under the lock. What a dead one left is put in order first. When `work` fails, everything is put
 * back: the release is quarantined if it is to blame, the new instance ended, the target 1.
 * @throws EverspotError of `work`, or one that says that things could not be put in order.
 */
export async function underLock<T>(
  given: Pick<Session, "config" | "aws" | "tools" | "timeline" | "kind"> & { by: string },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { config, aws, tools, timeline, kind, by } = given;
  const { clock, terminal } = tools;
  const { lock, leftover } = await takeLock(aws.store, { kind, by, step: "start", clock });
  const interrupted = tools.interrupted();
  const signal = AbortSignal.any([interrupted, lock.lost]);
  const written: Note = {};
  const session: Session = {
    ...{ config, aws, tools, timeline, lock, kind, signal, old: undefined },
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
  const how = { clock, progress: terminal, drain: config.dns.drain };
  try {
    if (leftover !== undefined) {
      terminal.warn(
        `${leftover.by} began to deploy at ${leftover.started} and was not heard of since ${leftover.heartbeat} (at: ${leftover.step}); putting in order what is left of it`,
      );
      Object.assign(written, pick(leftover));
      await keepDeploy(aws.store, abandoned(leftover), terminal);
      await session.step("put in order", () => putInOrder(aws, leftover, { ...how, signal }));
    }
    const { value: site } = await readDocument(aws.store, siteDocument);
    for (const key of ["release", "old", "before"] as const) delete written[key];
    if (site !== undefined) written.old = site.owner;
    session.old = site?.owner;
    await lock.note({ release: undefined, before: undefined, old: site?.owner });
    const value = await work(session);
    await lock.end("done");
    return value;
  } catch (error) {
    if (lock.lost.aborted) throw lock.lost.reason;
    const left = { kind: leftover?.kind === "swap" ? "swap" : kind, ...written } as const;
    try {
      await undo(aws, left, error, how);
    } catch (cause) {
      await lock.leave(messageOf(error)).catch(() => undefined);
      throw notInOrder(error, cause);
    }
    await lock.end(interrupted.aborted ? "aborted" : "failed", messageOf(error));
    throw error;
  } finally {
    await lock.stop();
  }
}

const pick = ({ release, old, before }: DeployState): Note => ({
  ...(release === undefined ? {} : { release }),
  ...(old === undefined ? {} : { old }),
  ...(before === undefined ? {} : { before }),
});

async function undo(
  aws: Aws,
  left: Pick<DeployState, "kind" | "release" | "old" | "before">,
  error: unknown,
  how: { clock: Clock; progress: Tools["terminal"]; drain: number },
): Promise<void> {
  const { release } = left;
  const blame = error instanceof NotServed ? error.blame : undefined;
  if (blame !== undefined && release !== undefined) {
    const at = new Date(how.clock.now()).toISOString();
    await updateDocument(
      aws.store,
      channelDocument,
      (channel) => channel && quarantine(channel, release, blame, at),
      how.clock,
    );
    how.progress.say(`${release} is quarantined: ${blame}`);
  }
  await putInOrder(aws, left, how);
}

function notInOrder(error: unknown, cause: unknown): EverspotError {
  const known = error instanceof EverspotError ? error : undefined;
  return new EverspotError(
    `${messageOf(error)}; and it could not be put in order after that: ${messageOf(cause)}`,
    {
      ...(known?.resource === undefined ? {} : { resource: known.resource }),
      lines: known?.lines ?? [],
      hint: "run `everspot deploy --abort`, or deploy again",
      cause: error,
    },
  );
}
