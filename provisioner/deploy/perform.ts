import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { messageOf } from "../../agent/site/errors.ts";
import { tidyImages } from "../apply/obsolete-images.ts";
import { addressOf } from "../config/address.ts";
import { keepDeploy } from "../history/deploys.ts";
import { throughMaintenance } from "../operator/maintenance.ts";
import { tidyLayers } from "./old-layers.ts";
import { type DeployReport, pastOf } from "./report.ts";
import type { Given, Session } from "./session.ts";
import { markSuperseded } from "./supersede.ts";
import { printReport, tellReport } from "./tell-report.ts";
import { Timeline } from "./timeline.ts";
import { underLock } from "./under-lock.ts";
import { visit } from "./visit.ts";

export interface Outcome {
  release: string;
  result: "done" | "unchanged";
  instance?: string;
  /** What `--bake` made, as in the JSON document. */
  baked?: object;
}

/** A step before there is a lock, of which others need not know. */
export type Step = Timeline["step"];

/**
 * Runs a deploy or rollback under the lock, requests the site all the while, and reports how it went.
 * @param before what can be done, and fail, without the lock: others wait for nothing meanwhile.
 */
export async function perform<Ready>(
  given: Omit<Given, "timeline" | "interrupted"> & { command: DeployReport["command"] },
  before: (step: Step, signal: AbortSignal) => Promise<Ready>,
  work: (session: Session, ready: Ready) => Promise<Outcome>,
): Promise<void> {
  const { command, ...rest } = given;
  const { config, tools, aws } = given;
  const { terminal, clock } = tools;
  const timeline = new Timeline(terminal, clock);
  let running: Running | undefined;
  const tell = async (outcome: Ending) => {
    const report: DeployReport = {
      ...{ command, site: config.site, url: addressOf(config), kind: given.kind },
      ...{ release: running?.session.written.release, previous: running?.previous, instance: undefined },
      ...{ requests: await running?.visiting?.stop(), seconds: timeline.seconds, steps: timeline.steps },
      ...outcome,
    };
    if (running !== undefined) {
      const { id, started } = running.session.lock;
      const past = pastOf(report, { id, at: started, by: tools.holder });
      await keepDeploy(aws.store, past, terminal);
    }
    await tellReport(report, terminal, process.env);
    return report;
  };
  try {
    const interrupted = tools.interrupted();
    const ready = await before((name, run) => timeline.step(name, run), interrupted);
    interrupted.throwIfAborted();
    const outcome = await underLock({ ...rest, timeline, interrupted }, async (session) => {
      running = { session, visiting: startVisits(session), previous: undefined };
      running.previous = (await readDocument(aws.store, channelDocument)).value?.current;
      const done = await work(session, ready);
      await tidy(session, done);
      return done;
    });
    printReport(await tell(outcome), terminal);
  } catch (error) {
    await tell({ result: "failed", error });
    throw error;
  }
}

interface Running {
  session: Session;
  /** The release that was current before. */
  previous: string | undefined;
  /** Undefined while no instance has the site, so that there is no visitor to lose. */
  visiting: ReturnType<typeof visit> | undefined;
}

function startVisits({ config, tools, old, aws }: Session): Running["visiting"] {
  if (old === undefined) return undefined;
  return visit(addressOf(config, config.app.health), throughMaintenance(tools.probe, aws.store), tools.clock);
}

type Ending = Pick<DeployReport, "result"> &
  Partial<Pick<DeployReport, "release" | "instance" | "baked" | "error">>;

/** An instance launched from the newest image may have the site now, so older images can go, too. */
async function tidy({ aws, tools }: Session, { result }: Ending): Promise<void> {
  if (result === "done") {
    await markSuperseded(aws, tools);
    await tidyLayers(aws, tools);
  }
  await tidyImages(aws).catch((error: unknown) =>
    tools.terminal.warn(`older images are still there: ${messageOf(error)}`),
  );
}
