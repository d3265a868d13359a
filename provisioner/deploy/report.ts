import { messageOf } from "../../agent/site/errors.ts";
import type { PastDeploy } from "../history/deploys.ts";
import type { TimelineStep } from "./timeline.ts";
import type { Visits } from "./visit.ts";

/** How a deploy or rollback went. */
export interface DeployReport {
  command: "deploy" | "rollback";
  site: string;
  url: string;
  kind: "swap" | "in-place";
  /** "unchanged": it was current already, with the same configuration. */
  result: "done" | "unchanged" | "failed";
  release: string | undefined;
  /** What was current before. */
  previous: string | undefined;
  /** The owner afterwards, where it is known. */
  instance: string | undefined;
  seconds: number;
  steps: readonly TimelineStep[];
  /** The image that `--bake` made, as in the JSON document. */
  baked?: object;
  /** One visitor's requests, one a second, from the beginning to the end. */
  requests: Visits | undefined;
  error?: unknown;
}

/** The report as the history keeps it. */
export function pastOf(report: DeployReport, held: Pick<PastDeploy, "id" | "at" | "by">): PastDeploy {
  const { command, kind, result, release, previous, instance, seconds, requests, error } = report;
  return {
    ...{ version: 1, ...held, command, kind, result, seconds, steps: [...report.steps] },
    release,
    previous,
    instance,
    requests,
    reason: error === undefined ? undefined : messageOf(error),
  };
}
