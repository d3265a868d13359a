import * as z from "zod";
import { EverspotError, USAGE } from "../../../agent/site/errors.ts";
import { connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import type { Tools } from "../../operator/tools.ts";
import { Asked, NOT_RUN, whoRuns } from "../../runs/ask.ts";
import { follow } from "../../runs/follow.ts";
import { observeNotices } from "../../seen/notices.ts";

/** As agent/notify/notify.ts has it. */
const triedSchema = z.array(z.object({ channel: z.enum(["webhook", "mail"]), error: z.string().optional() }));

/** Seconds that the instance may take: each way is tried three times. */
const SECONDS = 60;

/**
 * `everspot notify test`: has the instance that owns the site send a notice wherever it sends them, for only there are
 * the way out and the signing secret the real ones. @throws EverspotError unless it got everywhere.
 */
export async function runNotifyTest(config: SiteConfig, tools: Tools): Promise<void> {
  const { terminal, clock } = tools;
  const { notify } = config;
  if (notify === undefined) {
    throw new EverspotError("there is nowhere to send a notice: everspot.toml has no [notify]", {
      hint: 'add [notify] with email = "ann@example.com" or url = "https://…", and run `everspot up`',
      exitCode: USAGE,
    });
  }
  const aws = await connect(config, clock);
  try {
    if ((await aws.bucket.look()) === undefined) {
      throw new EverspotError(`${config.site} does not exist`, {
        hint: "`everspot up` brings it up",
        exitCode: NOT_RUN,
      });
    }
    const { instance, date } = await whoRuns(aws);
    const wanted = {
      ...{ kind: "notify" as const, words: ["test"], timeout: SECONDS, memory: undefined },
      ...{ environment: {}, secrets: {}, input: [] },
    };
    const asked = await Asked.begin(aws, wanted, { by: tools.holder, date, clock });
    const said: Buffer[] = [];
    const { end } = await follow(asked.id, {
      ...{ store: aws.store, clock, cancel: asked.cancel, signal: tools.interrupted() },
      alive: async (one) => (await aws.instances.look(one)).some((i) => i.id === one && i.alive),
      onOutput: async ({ bytes }) => void said.push(Buffer.from(bytes)),
      onState: () => {},
      onWaiting: () => terminal.say(`  ${instance} has not taken it up yet`),
    });
    if (end.how !== "ended") {
      throw new EverspotError(`${instance} did not send it: ${end.reason ?? end.how}`, {
        hint: "`everspot status` shows how the instance is; one launched by an earlier everspot does not know this request: `everspot deploy` brings one that does",
        exitCode: end.exitCode,
      });
    }
    const tried = triedSchema.parse(JSON.parse(Buffer.concat(said).toString("utf8")));
    const unconfirmed = notify.email !== undefined && !(await isConfirmed(config, aws, notify.email));
    terminal.json({ command: "notify test", site: config.site, instance, tried, unconfirmed });
    const { style } = terminal;
    for (const { channel, error } of tried)
      terminal.print(
        error === undefined ? `${style.green("✓")} ${channel}` : `${style.red("✗")} ${channel}: ${error}`,
      );
    if (unconfirmed)
      terminal.warn(
        `AWS took the mail but does not deliver to ${notify.email}: the link in its mail "Subscription Confirmation" has not been followed`,
      );
    refuse(config, tried, instance);
  } finally {
    aws.close();
  }
}

async function isConfirmed(
  config: SiteConfig,
  aws: Parameters<typeof observeNotices>[1],
  email: string,
): Promise<boolean> {
  const { topic } = await observeNotices(config, aws);
  const found = topic?.subscriptions.find((s) => s.email.toLowerCase() === email.toLowerCase());
  return found?.arn !== undefined;
}

function refuse({ notify }: SiteConfig, tried: z.infer<typeof triedSchema>, instance: string): void {
  const wanted = [
    ...(notify?.url === undefined ? [] : ["webhook"]),
    ...(notify?.email === undefined ? [] : ["mail"]),
  ];
  const unknown = wanted.filter((channel) => !tried.some((t) => t.channel === channel));
  if (unknown.length > 0) {
    throw new EverspotError(`${instance} knows of no ${unknown.join(" and no ")}`, {
      hint: "it was launched before [notify] was changed: run `everspot up`, and `everspot deploy` for an instance that knows the new one",
    });
  }
  const failed = tried.filter((t) => t.error !== undefined);
  if (failed.length === 0) return;
  throw new EverspotError(`the notice did not get to ${failed.map((t) => t.channel).join(" and ")}`, {
    lines: failed.map((t) => `${t.channel}: ${t.error}`),
    hint: "the address in [notify] must accept a POST of JSON; mail needs the topic that `everspot up` makes",
  });
}
