import { stat } from "node:fs/promises";
import path from "node:path";
import { keptName } from "../../../agent/site/config/state.ts";
import type { Aws } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { glance } from "../../data/glance.ts";

/**
 * What `plan` and `up` say where the project has a database beside it and the site has nothing yet: it would begin
 * empty. Undefined where there is nothing to say.
 */
export async function movingIn(
  { site, state, folder }: SiteConfig,
  aws: Pick<Aws, "state">,
  { bucket }: { bucket: unknown },
): Promise<string | undefined> {
  const [database] = state?.database ?? [];
  if (state === undefined || database === undefined) return undefined;
  const file = keptName(database);
  const here = await stat(path.join(folder, file)).catch(() => undefined);
  if (here?.isFile() !== true || here.size === 0) return undefined;
  if (bucket !== undefined && (await glance(aws.state)) !== undefined) return undefined;
  const media = state.media && keptName(state.media);
  const uploads = media && (await stat(path.join(folder, media)).catch(() => undefined))?.isDirectory();
  const how = `everspot data push ${file}${uploads === true ? ` --media ${media}` : ""}`;
  return `${file} is here, and ${site} has nothing yet: it begins empty, unless \`${how}\` comes first`;
}
