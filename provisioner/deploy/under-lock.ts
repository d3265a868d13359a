import { channelDocument, isQuarantined, quarantineCandidate } from "../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { abandoned, keepDeploy } from "../history/deploys.ts";
import { NotServed } from "./candidate.ts";
import { recover } from "./recover.ts";
import { type Given, openSession, type Session } from "./session.ts";

/**
 * Runs a deploy under the lock. What a dead one left is recovered first. When `work` fails, the new instance is removed
 * and the old one serves on: the release is quarantined if it is to blame, and the target is 1 again.
 * @throws EverspotError of `work`, or one that says that the recovery failed.
 */
export async function underLock<T>(given: Given, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(given);
  const { lock } = session;
  try {
    await recoverLeftover(session);
    await begin(session);
    const value = await work(session);
    await lock.end("done");
    return value;
  } catch (error) {
    if (lock.lost.aborted) throw lock.lost.reason;
    await takeBack(session, error);
    await lock.end(session.interrupted.aborted ? "aborted" : "failed", messageOf(error));
    throw error;
  } finally {
    await lock.stop();
  }
}

async function recoverLeftover(session: Session): Promise<void> {
  const { aws, tools, leftover, written } = session;
  if (leftover === undefined) return;
  const { terminal } = tools;
  terminal.warn(
    `${leftover.by} began to deploy at ${leftover.started} and has not been heard of since ${leftover.heartbeat} (at: ${leftover.step}); recovering what it left`,
  );
  const { release, old, before } = leftover;
  Object.assign(written, { release, old, before });
  await keepDeploy(aws.store, abandoned(leftover), terminal);
  await session.step("recover", () =>
    recover(aws, leftover, { ...recovering(session), signal: session.signal }),
  );
}

/** From here on, this deploy is the one that would have to be recovered. */
async function begin(session: Session): Promise<void> {
  const { aws, lock, written } = session;
  const { value: site } = await readDocument(aws.store, siteDocument);
  for (const key of ["release", "old", "before"] as const) delete written[key];
  if (site !== undefined) written.old = site.owner;
  session.old = site?.owner;
  await lock.note({ release: undefined, before: undefined, old: site?.owner });
}

/** @throws EverspotError when the recovery failed; whoever comes next tries it again. */
async function takeBack(session: Session, error: unknown): Promise<void> {
  const { aws, kind, leftover, lock, written } = session;
  try {
    await quarantineBlamed(session, error);
    await recover(aws, { ...written, kind: leftover?.kind === "swap" ? "swap" : kind }, recovering(session));
  } catch (cause) {
    await lock.leave(messageOf(error)).catch(() => undefined);
    throw notInOrder(error, cause);
  }
}

async function quarantineBlamed({ aws, tools, written }: Session, error: unknown): Promise<void> {
  const { clock, terminal } = tools;
  const { release } = written;
  if (!(error instanceof NotServed) || release === undefined) return;
  const { blame, lines } = error;
  if (blame === undefined) return;
  const at = new Date(clock.now()).toISOString();
  // One that serves elsewhere is not condemned for what it did on a new instance.
  const { value: channel } = await updateDocument(
    aws.store,
    channelDocument,
    (channel) => channel && quarantineCandidate(channel, release, blame, at, lines),
    clock,
  );
  if (channel !== undefined && isQuarantined(channel, release))
    terminal.say(`${release} is quarantined: ${blame}`);
}

const recovering = ({ config, tools }: Session) => ({
  clock: tools.clock,
  progress: tools.terminal,
  drain: config.dns.drain,
});

function notInOrder(error: unknown, cause: unknown): EverspotError {
  const known = error instanceof EverspotError ? error : undefined;
  return new EverspotError(`${messageOf(error)}; and recovering from that failed: ${messageOf(cause)}`, {
    resource: known?.resource,
    lines: known?.lines ?? [],
    hint: "run `everspot deploy --abort`, or deploy again",
    cause: error,
  });
}
