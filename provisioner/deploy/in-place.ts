import { type BootRecord, failedStep } from "../../agent/site/boot-record.ts";
import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { type Look, poll } from "../../agent/site/poll.ts";
import { readBoot } from "../aws/boot-records.ts";
import { newsOf, tellNews } from "../boots/progress.ts";
import { NotServed } from "./candidate.ts";
import { checkFromOutside } from "./check.ts";
import type { Session } from "./session.ts";

/**
 * Deploys on the running instance: its agent sees the lock, does the work and records how it went (DESIGN §9).
 * @returns the instance. @throws NotServed with the failed step and its last lines; the old release then serves on.
 */
export async function inPlace(session: Session, release: string, timeout: number): Promise<string> {
  const { aws, tools, signal, old, lock } = session;
  const { terminal, clock } = tools;
  if (old === undefined) {
    throw new EverspotError("no instance has the site, so there is none to deploy in place on", {
      hint: "deploy without --in-place",
    });
  }
  let record: BootRecord | undefined;
  const look = async (): Promise<Look<undefined>> => {
    const found = await readBoot(aws, old);
    const ours = found?.inPlace?.deploy === lock.id ? found.inPlace : undefined;
    if (found === undefined || ours === undefined) {
      const alive = (await aws.instances.look(old)).some((i) => i.alive && i.id === old);
      if (!alive) {
        throw new NotServed(`${old} is gone`, undefined, {
          hint: "AWS took it; its replacement comes up by itself. Deploy again then",
          retry: "retry",
        });
      }
      return { waiting: `${old} has not begun` };
    }
    const news = newsOf(record, found);
    tellNews({ ...news, ended: news.ended.filter((s) => s.phase === "in-place") }, terminal);
    record = found;
    if (ours.state === "failed") throw failed(found, ours.reason);
    if (ours.state === "running") return { waiting: `${old} is working on it` };
    const { value: channel } = await readDocument(aws.store, channelDocument);
    return channel?.current === release
      ? { done: undefined }
      : { waiting: `${old} is done, but ${channel?.current ?? "no release"} is current` };
  };
  const failed = (found: BootRecord, reason: string | undefined) => {
    const step = failedStep(found, "in-place");
    const why = reason ?? step?.error ?? "no reason given";
    return new NotServed(`${release} does not come up in place on ${old}: ${why}`, found.blame, {
      resource: `${aws.store.url}/${keys.boot(old)}`,
      lines: step?.lines ?? [],
      hint: step?.hint ?? "fix that and deploy again; the site is served as before",
    });
  };
  await session.step(`start ${release} in place`, async (detail) => {
    await poll(`${release} is not served by ${old}`, look, {
      seconds: timeout,
      everySeconds: 0.5,
      clock,
      signal,
      hint: "the site is served as before; deploy again, with a longer --timeout if it is merely slow",
    });
    detail(`on ${old}`);
  });
  await checkFromOutside(session, old, release);
  return old;
}
