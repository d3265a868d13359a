/** What a boot says when there is no release that it may start. */
import { type Channel, channelDocument, isTooNew } from "../site/channel.ts";
import { EverspotError } from "../site/errors.ts";
import { replacementsDocument } from "../site/replacements.ts";

/** Why a release is bad, and what it said last. */
export interface Failure {
  reason: string;
  lines: readonly string[];
}

export function tooManyDied(until: Date, url: string): EverspotError {
  return new EverspotError(
    `the last machines died while they started a release; none is started before ${until.toISOString()}`,
    {
      resource: `${url}/${replacementsDocument.key}`,
      hint: "deploy a release that works; until then visitors get a 503 page",
      retry: "retry",
    },
  );
}

interface Nothing {
  channel: Channel | undefined;
  /** Releases that have failed too often to be tried again. */
  failed: readonly string[];
  why: ReadonlyMap<string, Failure>;
  template: number | undefined;
}

/** With the reason why the newest is bad, and what it said: what comes after it would hide that. */
export function nothingToRun({ channel, failed, why, template }: Nothing, url: string): EverspotError {
  const resource = `${url}/${channelDocument.key}`;
  const { candidate, quarantined = [] } = channel ?? {};
  if (candidate !== undefined && isTooNew(candidate, template)) {
    return new EverspotError(
      `${candidate.id} came with version ${candidate.template} of the launch template, and this machine with version ${template}`,
      {
        resource,
        hint: "a machine of the newer version tries it; `everspot up` launches one",
        retry: "retry",
      },
    );
  }
  const bad = [...new Set([...quarantined.map((q) => q.id), ...failed])];
  const newest = bad.at(-1);
  if (newest === undefined) {
    return new EverspotError("no release was published yet", {
      resource,
      hint: "publish one with `everspot deploy`; until then visitors get a 503 page",
      retry: "retry",
    });
  }
  const known = why.get(newest) ?? quarantined.find((q) => q.id === newest);
  const reason = known === undefined ? "" : `; ${newest}: ${known.reason}`;
  return new EverspotError(`no release works: ${bad.join(", ")} failed${reason}`, {
    resource,
    hint: "fix that, then run `everspot up` if the site was never served, else `everspot deploy`; until then visitors get a 503 page",
    lines: known?.lines ?? [],
    retry: "retry",
  });
}
