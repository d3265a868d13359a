import { type BootRecord, failedStep } from "../../agent/site/boot-record.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { bootUrl } from "../aws/boot-records.ts";
import type { Aws } from "../aws/connect.ts";
import { freeTierHint, quotaHint } from "../aws/errors.ts";
import type { Judge } from "./follow.ts";

/** A boot tries again by itself; a step that fails twice is not going to work. */
const ATTEMPTS = 2;
/**
 * Of a boot that finds no release, though one was published: a new bucket may keep quiet about it for a minute
 * (S3 User Guide, "Enabling versioning on buckets"), in which a boot tries this often.
 */
const UNSEEN_ATTEMPTS = 6;

/** What there was before: it is no answer to what was put right since. */
export interface Earlier {
  boots: readonly BootRecord[];
  /** The candidate, if there is one: that another release failed is no answer either. */
  release: string | undefined;
}

/** An instance in one of these serves, or knows of another that has the site. */
const SERVED: ReadonlySet<BootRecord["state"]> = new Set(["serving", "standby", "forwarding"]);

export const isServed = (boot: BootRecord): boolean => SERVED.has(boot.state);

/** The judge of `up`: satisfied by an instance that serves, whatever it serves. */
export function servesAnything(aws: Pick<Aws, "store">, fleet: string, earlier: Earlier): Judge {
  const failures: { instance: string; step: string; attempt: number }[] = [];

  const giveUpOnRepeat = (boot: BootRecord): undefined => {
    const { instance, bootId } = boot;
    const step = failedStep(boot, "boot");
    const before = earlier.boots.find((b) => b.instance === instance && b.bootId === bootId);
    const attempt = boot.attempt - (before?.attempt ?? 0);
    if (step === undefined || attempt <= 0 || isOther(boot.release)) return;
    const known = failures.filter((f) => f.instance === instance);
    if (!known.some((f) => f.attempt === attempt)) failures.push({ instance, step: step.name, attempt });
    const times = failures.filter((f) => f.instance === instance && f.step === step.name).length;
    const unseen = step.name === "release" && boot.release === undefined && earlier.release !== undefined;
    const most = unseen ? UNSEEN_ATTEMPTS : ATTEMPTS;
    if (times < most && attempt <= most) return;
    throw new EverspotError(`${instance} does not come up: ${step.name} failed: ${step.error ?? ""}`, {
      resource: bootUrl(aws, instance),
      lines: step.lines ?? [],
      hint: step.hint ?? "fix that and run `everspot up` again; the instance keeps trying by itself",
    });
  };

  const isOther = (release: string | undefined): boolean =>
    release !== undefined && earlier.release !== undefined && release !== earlier.release;

  return {
    waitsFor: { what: "the site does not serve", hint: "`everspot status` shows how the boot goes on" },
    judge: (boot) => {
      if (isServed(boot)) return { done: boot };
      return boot.state === "failed" ? giveUpOnRepeat(boot) : undefined;
    },
    noInstance: (reason, said) =>
      new EverspotError(`no instance came: ${reason}`, {
        resource: fleet,
        lines: said,
        hint:
          quotaHint(said.join("\n")) ??
          freeTierHint(said.join("\n")) ??
          "the fleet keeps trying; add more instance types to [fleet] types to widen the choice, and run `everspot up` again",
        retry: "retry",
      }),
  };
}
