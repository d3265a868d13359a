import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";

/** `everspot open`: shows the site in a browser; where there is none, the address is all there is. */
export async function runOpen(
  config: SiteConfig,
  { terminal, browse }: Pick<Tools, "terminal" | "browse">,
): Promise<void> {
  const url = addressOf(config);
  terminal.print(url);
  const opened = await browse(url);
  if (!opened) terminal.warn("no browser could be started here");
  terminal.json({ command: "open", site: config.site, url, opened });
}
