import { EverspotError } from "../../agent/site/errors.ts";
import { connect } from "../aws/connect.ts";
import { bootBars } from "../boots/bars.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";
import type { Status } from "../seen/status.ts";
import { seeStatus } from "./health/see-status.ts";
import { renderLastBoot, renderStatus } from "./health/status-lines.ts";

export interface StatusOptions {
  /** Shows the steps of the last boot as bars instead. */
  boot: boolean;
  /** Ends with exit code 1 if anything is odd. */
  check: boolean;
}

/** `everspot status`: who serves the site, since when, with what, and what is odd about it. Changes nothing. */
export async function runStatus(
  config: SiteConfig,
  tools: Pick<Tools, "terminal" | "clock" | "publicDns" | "probe">,
  options: StatusOptions = { boot: false, check: false },
): Promise<void> {
  const { terminal, clock } = tools;
  const aws = await connect(config, clock);
  try {
    const { status, boot } = await seeStatus(config, aws, tools);
    const { style, width } = terminal;
    const bars = boot === undefined ? [] : bootBars(boot);
    const lines = options.boot
      ? renderLastBoot(status, bars, clock.now(), terminal)
      : renderStatus(status, clock.now(), style, config.state, width);
    for (const line of lines) terminal.print(line);
    terminal.json({ command: "status", ...status, bars: options.boot ? bars : undefined });
    if (options.check) check(status);
  } finally {
    aws.close();
  }
}

/** @throws EverspotError unless all is as it should be. */
function check({ site, exists, odd }: Status): void {
  if (exists && odd.length === 0) return;
  throw new EverspotError(exists ? `${site} needs a look` : `${site} does not exist`, {
    lines: odd,
    hint: exists ? "`everspot doctor` finds out why, and what comes next" : "`everspot up` brings it up",
  });
}
