import { readlink } from "node:fs/promises";
import { basename } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { askHealth } from "../serving/health.ts";
import { appUnit } from "../system/paths.ts";
import type { Units } from "../system/units.ts";

/**
 * The release that serves on this machine right now. A restarted agent stays with it: a candidate is tried
 * on a machine that has nothing to lose.
 * @param links of paths.release and paths.socket.
 */
export async function runningRelease(
  units: Units,
  links: { release: string; socket: string },
  config: Pick<BootConfig, "app" | "domain">,
): Promise<{ id: string; role: "running" } | undefined> {
  const folder = await readlink(links.release).catch(() => undefined);
  if (folder === undefined) return undefined;
  const id = basename(folder);
  if ((await units.state(appUnit(id))).active !== "active") return undefined;
  const health = await askHealth({ link: links.socket }, config.app.health, config.domain);
  return health.ok ? { id, role: "running" } : undefined;
}
