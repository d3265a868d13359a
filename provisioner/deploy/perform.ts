import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { messageOf } from "../../agent/site/errors.ts";
import { tidyImages } from "../apply/obsolete-images.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { keepDeploy, type PastDeploy } from "../history/deploys.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { markOldLayers } from "./old-layers.ts";
import { type DeployReport, tellReport } from "./report.ts";
import { type Session, underLock } from "./session.ts";
import { markSuperseded } from "./supersede.ts";
import { Timeline } from "./timeline.ts";
import { visit } from "./visit.ts";

export interface Outcome {
  release: string;
  result: "done" | "unchanged";
  instance?: string;
  /** What `--bake` made, as JSON has it. */
  baked?: object;
}

/** Runs a deploy or rollback under the lock, asks for the site all the while, and tells how it went. */
export async function perform(
  given: {
    command: DeployReport["command"];
    config: SiteConfig;
    tools: Tools;
    aws: Aws;
    kind: Session["kind"];
  },
  work: (session: Session) => Promise<Outcome>,
): Promise<void> {
  const { command, config, tools, aws, kind } = given;
  const { terminal, clock } = tools;
  const timeline = new Timeline(terminal, clock);
  const url = `https://${config.domain}/`;
  let visiting: ReturnType<typeof visit> | undefined;
  let release: string | undefined;
  let previous: string | undefined;
  let lock: Session["lock"] | undefined;
  const report = async (
    rest: Pick<DeployReport, "result" | "instance" | "baked" | "error">,
  ): Promise<DeployReport> => {
    const requests = await visiting?.stop();
    const { seconds, steps } = timeline;
    const told = {
      command,
      site: config.site,
      url,
      kind,
      release,
      previous,
      seconds,
      steps,
      requests,
      ...rest,
    };
    if (lock !== undefined) {
      const { id, started: at } = lock;
      await keepDeploy(aws.store, pastOf({ ...told, id, at, by: tools.holder }), terminal);
    }
    await tellReport(told, terminal, process.env);
    return told;
  };
  try {
    const outcome = await underLock({ config, aws, tools, timeline, kind, by: tools.holder }, (session) => {
      lock = session.lock;
      // A site that serves nobody yet cannot lose a visitor.
      if (session.old !== undefined)
        visiting = visit(`https://${config.domain}${config.app.health}`, tools.probe, clock);
      const note: Session["note"] = (fields) => {
        release = fields.release ?? release;
        return session.note(fields);
      };
      return readDocument(aws.store, channelDocument).then(({ value }) => {
        previous = value?.current;
        return work({ ...session, note }).then(async (outcome) => {
          if (outcome.result === "done") {
            await markSuperseded(aws, tools);
            await markOldLayers(aws, tools);
          }
          await tidyUp(aws, tools);
          return outcome;
        });
      });
    });
    release = outcome.release;
    const { requests, seconds } = await report({
      result: outcome.result,
      instance: outcome.instance,
      ...(outcome.baked === undefined ? {} : { baked: outcome.baked }),
    });
    if (outcome.result === "unchanged") {
      terminal.print(
        `${release} is current already and nothing else changed; --force deploys it all the same`,
      );
      return;
    }
    if (requests !== undefined && requests.failed > 0) {
      terminal.warn(`${requests.failed} of ${requests.total} requests from here failed: ${requests.seen}`);
    }
    const { style } = terminal;
    const seen = requests === undefined ? "" : `, ${requests.failed} of ${requests.total} requests failed`;
    terminal.print(
      `${style.green("✓")} ${style.bold(url)} is served by ${release} (${took(seconds)}${seen})`,
    );
  } catch (error) {
    await report({ result: "failed", instance: undefined, error });
    throw error;
  }
}

function pastOf(told: Omit<DeployReport, "site" | "url"> & Pick<PastDeploy, "id" | "at" | "by">): PastDeploy {
  const { id, at, by, command, kind, result, release, previous, instance, seconds, requests, error } = told;
  return {
    ...{ version: 1, id, at, by, command, kind, result, seconds, steps: [...told.steps] },
    ...(release === undefined ? {} : { release }),
    ...(previous === undefined ? {} : { previous }),
    ...(instance === undefined ? {} : { instance }),
    ...(requests === undefined ? {} : { requests }),
    ...(error === undefined ? {} : { reason: messageOf(error) }),
  };
}

/** An instance that was launched from the newest image may have the site now, so that older ones can go. */
async function tidyUp(aws: Aws, { terminal }: Tools): Promise<void> {
  await tidyImages(aws).catch((error: unknown) =>
    terminal.warn(`older images are still there: ${messageOf(error)}`),
  );
}
