/** `everspot doctor` and `everspot notify`. */
import type { Command } from "commander";
import { runDoctor } from "../commands/health/doctor.ts";
import { runNotifyTest } from "../commands/health/notify.ts";
import type { SiteCommand } from "./data.ts";

export const addDoctor = (siteCommand: SiteCommand): void => {
  siteCommand<{ project?: boolean }>(
    "doctor",
    "check all that a site needs, in order; ends with the command to run next",
    (config, tools, { project }) => runDoctor(config, tools, { project }),
  )
    .option("--project", "look at the project and pack it, too, even if the site exists already")
    .option("--no-project", "leave the project out");
};

export const addNotify = (everspot: Command, siteCommand: SiteCommand): void => {
  const notify = everspot.command("notify").description("test where notices go when something is wrong");
  siteCommand(
    "test",
    "have the instance send a test notice, and say what arrived",
    (config, tools) => runNotifyTest(config, tools),
    notify,
  );
};
