import { type BootRecord, failedStep } from "../../agent/site/boot-record.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { bootUrl } from "../aws/boot-records.ts";
import type { Aws } from "../aws/connect.ts";
import { quotaHint } from "../aws/errors.ts";
import type { Judge } from "../boots/follow.ts";

/** The release does not serve. `blame`: why it is bad itself; undefined when something else was in the way. */
export class NotServed extends EverspotError {
  readonly blame: string | undefined;

  constructor(
    message: string,
    blame: string | undefined,
    more: ConstructorParameters<typeof EverspotError>[1],
  ) {
    super(message, more);
    this.blame = blame;
  }
}

/** Boots that may fail through no fault of the release. */
const ATTEMPTS = 2;

/**
 * The judge of a swap: satisfied once the new instance has the site with the wanted release. It throws NotServed, with
 * the failed step, its hint and last lines, or with AWS's reason when no instance comes.
 * @param seconds for which a boot is followed at most.
 */
export function servesCandidate(
  aws: Aws,
  {
    release,
    fleet,
    seconds,
    signal,
  }: { release: string; fleet: string; seconds: number; signal: AbortSignal },
): Judge {
  const judgeFailure = (found: BootRecord): void => {
    if (found.blame === undefined && found.attempt < ATTEMPTS) return;
    const step = failedStep(found, "boot");
    throw new NotServed(
      `${release} does not come up on ${found.instance}: ${step?.name ?? "boot"} failed: ${step?.error ?? found.blame ?? ""}`,
      found.blame,
      {
        resource: bootUrl(aws, found.instance),
        lines: step?.lines ?? [],
        hint: step?.hint ?? "fix that and deploy again; the site is served as before",
      },
    );
  };

  const standsBy = (found: BootRecord) =>
    new NotServed(`${found.instance} serves, but another instance took the site`, undefined, {
      resource: bootUrl(aws, found.instance),
      hint: "deploy again; where the steps above took longer than visitors may be held ([state] pause), with `--pause 30`",
      retry: "retry",
    });

  const servesAnother = (found: BootRecord) =>
    new NotServed(`${found.instance} serves ${found.release ?? "nothing"} instead of ${release}`, undefined, {
      resource: bootUrl(aws, found.instance),
      lines: found.warnings,
    });

  /** A release whose own code was still running when the time was up is taken for bad. */
  const tooLate = (error: unknown, last: BootRecord | undefined): unknown => {
    if (!(error instanceof EverspotError) || error instanceof NotServed || signal.aborted) return error;
    const running = last?.steps.find((s) => s.state === "running" && s.ownCode);
    const { message, hint, retry, lines } = error;
    return new NotServed(message, running && `${running.name} did not end in ${seconds} s`, {
      hint,
      retry,
      lines: running?.lines ?? lines,
      cause: error,
    });
  };

  return {
    waitsFor: {
      what: `${release} is not served`,
      hint: "the site is served as before; deploy again, with a longer --timeout if the boot is merely slow",
    },
    judge: async (found) => {
      if (found.state === "failed") judgeFailure(found);
      if (found.state === "standby") throw standsBy(found);
      if (found.state !== "serving") return undefined;
      if (found.release !== release) throw servesAnother(found);
      const { value: site } = await readDocument(aws.store, siteDocument);
      if (site?.owner === found.instance && site.state === "serving") return { done: found };
      return { waiting: `${found.instance} serves, and ${site?.owner ?? "no instance"} has the site` };
    },
    noInstance: (reason, said) =>
      new NotServed(`no instance came: ${reason}`, undefined, {
        resource: fleet,
        lines: said,
        hint:
          quotaHint(said.join("\n")) ??
          "deploy again later, add more instance types to [fleet] types, or use --in-place, which needs none",
        retry: "retry",
      }),
    ended: tooLate,
  };
}
