import { readDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { Fenced } from "../../../agent/site/state/errors.ts";
import type { Place } from "../../../agent/site/state/place.ts";
import { readLog } from "../../../agent/site/state/read-log.ts";
import type { LogWriter } from "../../../agent/state/log/log-writer.ts";
import type { Patience } from "../../../agent/state/log/settle.ts";
import type { Aws } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { takeEpoch, takeForOperator } from "../../data/writing.ts";
import type { Tools } from "../../operator/tools.ts";
import { anothers, lookAtFence, servesElsewhere } from "../../seen/fence.ts";

/** @throws EverspotError instead of Fenced: an instance has taken the site meanwhile. */
export async function unlessFenced<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    throw new EverspotError(`the site was taken over meanwhile: ${error.message}`, {
      hint: "what is served is whole; run the command again",
      retry: "retry",
      cause: error,
    });
  }
}

/** @throws EverspotError when the site of this name is another project's. */
export async function refuseAnothers(
  config: SiteConfig,
  aws: Aws,
  { publicDns }: Pick<Tools, "publicDns">,
): Promise<void> {
  if ((await aws.bucket.look()) === undefined) return;
  const { value: site } = await readDocument(aws.store, siteDocument);
  if (site === undefined) return;
  const [instances, fence] = await Promise.all([
    aws.instances.look(site.owner),
    lookAtFence(config, aws, publicDns),
  ]);
  const elsewhere = servesElsewhere(site, instances, fence);
  if (elsewhere === undefined) return;
  const { message, hint } = anothers(config, elsewhere);
  throw new EverspotError(message, { hint });
}

/**
 * Takes the log for whoever runs this command, with an epoch above all that there were: in site.json, in the fence
 * record, and in the log.
 * @param from as far as the log was read.
 */
export async function takeSiteLog(
  config: SiteConfig,
  aws: Aws,
  { publicDns, holder }: Pick<Tools, "publicDns" | "holder">,
  from: Place,
  patience: Patience,
): Promise<LogWriter> {
  const [end, held] = await Promise.all([readLog(aws.state, from), lookAtFence(config, aws, publicDns)]);
  const epoch = await takeEpoch(aws.store, Math.max(end.epoch, held?.epoch ?? 0), patience);
  return takeForOperator(aws.state, { epoch, holder }, from, patience);
}
