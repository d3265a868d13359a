import type { Place } from "../../../agent/site/state/place.ts";
import { readLog } from "../../../agent/site/state/read-log.ts";
import type { LogWriter } from "../../../agent/state/log/log-writer.ts";
import type { Patience } from "../../../agent/state/log/settle.ts";
import type { Aws } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { takeEpoch, takeForOperator } from "../../data/writing.ts";
import type { Tools } from "../../operator/tools.ts";
import { lookAtFence } from "../../seen/fence.ts";

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
