import { EverspotError, messageOf, USAGE } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { isDenied } from "../aws/errors.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { runAbort } from "../deploy/abort.ts";
import { bake } from "../deploy/bake.ts";
import { bringAlong, checkInPlace, writesToDisk } from "../deploy/bring-along.ts";
import { checkState } from "../deploy/check-state.ts";
import { compareConfiguration } from "../deploy/configuration.ts";
import { inPlace } from "../deploy/in-place.ts";
import { refuseIfHeld } from "../deploy/lock.ts";
import { type Outcome, perform, type Step } from "../deploy/perform.ts";
import { requireFleet } from "../deploy/scene.ts";
import type { Session } from "../deploy/session.ts";
import { swap } from "../deploy/swap.ts";
import { refuseProject } from "../findings/unpackable.ts";
import { showFindings } from "../operator/show-findings.ts";
import type { ConfigurationChange } from "../plan/configuration.ts";
import { configurationVersion } from "../plan/configuration-version.ts";
import type { Inspection } from "../project/inspect.ts";
import type { Packed } from "../release/pack.ts";
import { condemnedBefore, type Published, type PublishOptions, publishRelease } from "../release/publish.ts";
import { tellProgress } from "../release/tell-progress.ts";
import { outdatedBefore } from "../seen/image-age.ts";
import { report } from "./bake.ts";
import { discard, pack, runPackage, sizeOf } from "./package.ts";
import type { ProjectTools } from "./project-tools.ts";

export interface DeployOptions {
  /** On the running instance instead of on a new one. */
  inPlace: boolean;
  /** Stops the deploy under way, whoever runs it, and cleans up after it. */
  abort: boolean;
  /** Only packs, into this file. */
  package?: string;
  /** Deploys even when nothing changed. */
  force: boolean;
  /** With Debian's newest image, however old the one is that the site has. */
  refreshImage: boolean;
  /** Makes an image of the instance that serves in the end. */
  bake: boolean;
  /** Files that look like secrets and may still go in. */
  allow: readonly string[];
  /** Seconds for which visitors may be held meanwhile, where the configuration's are too few. */
  pause?: number;
  /** Seconds to wait for the release to serve. */
  timeout: number;
}

/** `everspot deploy`: the project's folder becomes a release, which takes the site over once it serves. */
export async function runDeploy(
  config: SiteConfig,
  tools: ProjectTools,
  options: DeployOptions,
): Promise<void> {
  if (options.inPlace && options.refreshImage) {
    throw new EverspotError("a running instance keeps the image that it began with", {
      hint: "leave out --in-place: a new instance begins with the newest",
      exitCode: USAGE,
    });
  }
  checkState(config, options);
  if (options.package !== undefined) return await runPackage(config, tools, options, options.package);
  const aws = await connect(config, tools.clock);
  try {
    if (options.abort) return await runAbort(config, tools, aws);
    await requireFleet(aws, config.site);
    // Before anything is packed.
    await (options.inPlace ? checkInPlace : writesToDisk)(config, aws);
    const kind = options.inPlace ? "in-place" : "swap";
    const given = { command: "deploy", config, tools, aws, kind } as const;
    let packed: Packed | undefined;
    const before = async (step: Step, signal: AbortSignal) => {
      await refuseIfHeld(aws.store, tools.clock);
      const { findings } = await lookAt(step, signal, config, tools, aws);
      showFindings(
        tools.terminal,
        findings.filter((f) => f.level === "warning"),
      );
      const packing = packIn(step, signal, config, tools, options);
      packed = await packing.catch((error: unknown) => {
        signal.throwIfAborted();
        refuseProject(config.site, findings, error);
        throw error;
      });
      refuseProject(config.site, findings, undefined);
      showFindings(tools.terminal, packed.findings);
      return packed;
    };
    try {
      await perform(given, before, async (session, release) => {
        const outcome = await (options.inPlace ? deployInPlace : deployBySwap)(session, release, options);
        return options.bake ? { ...outcome, ...(await baked(session, outcome)) } : outcome;
      });
    } finally {
      if (packed !== undefined) await discard(packed);
    }
  } finally {
    aws.close();
  }
}

async function deployBySwap(session: Session, packed: Packed, options: DeployOptions): Promise<Outcome> {
  const { note } = session;
  if (options.pause !== undefined) await note({ pause: options.pause });
  const change = await compare(session, options);
  const brings = await writesToDisk(session.config, session.aws);
  const { id: release, state } = await publish(session, packed, {
    template: configurationVersion(change.actions, change.seen.templates[0]),
    onWhole: (id) => note({ release: id }),
  });
  if (state === "current" && change.actions.length === 0 && brings === undefined && !options.force) {
    return { release, result: "unchanged" };
  }
  if (brings !== undefined) await bringAlong(session, brings, options.timeout);
  if (change.actions.length > 0) {
    await note(omitUndefined({ before: change.before }));
  }
  return { release, result: "done", instance: await swap(session, release, options.timeout, change) };
}

async function deployInPlace(session: Session, packed: Packed, options: DeployOptions): Promise<Outcome> {
  // Only shown later, so nothing waits for it.
  const change = compareConfiguration(session).then(
    ({ actions }) => actions.length > 0,
    () => true,
  );
  if (options.pause !== undefined) await session.note({ pause: options.pause });
  const { id: release, state } = await publish(session, packed);
  let outcome: Outcome = { release, result: "unchanged" };
  if (state !== "current") {
    // The agent begins at the note, and must find the candidate then.
    await session.note({ release });
    outcome = { release, result: "done", instance: await inPlace(session, release, options.timeout) };
  } else if (options.force) {
    throw new EverspotError(`${release} is current already, and cannot be started again in place`, {
      hint: "use --force without --in-place: a new instance starts it again",
    });
  }
  if (await change) {
    session.tools.terminal.warn(
      "everspot.toml or everspot itself changed, too; that takes effect with the next deploy without --in-place",
    );
  }
  return outcome;
}

const lookAt = (
  step: Step,
  signal: AbortSignal,
  config: SiteConfig,
  tools: ProjectTools,
  aws: Aws,
): Promise<Inspection> =>
  step("look at the project", async (detail) => {
    const set = await aws.secrets.list().catch((error: unknown) => {
      // Who only deploys has no business with secrets.
      if (isDenied(error)) return undefined;
      throw error;
    });
    const names = set && [...config.app.randomSecrets, ...set.map((s) => s.name)];
    const found = await tools.inspect(config, names, signal);
    detail(found.how);
    return found;
  });

const packIn = (
  step: Step,
  signal: AbortSignal,
  config: SiteConfig,
  tools: ProjectTools,
  options: DeployOptions,
): Promise<Packed> =>
  step("pack", async (detail) => {
    const packed = await pack(config, tools, options, signal);
    detail(sizeOf(packed));
    return packed;
  });

const compare = (
  session: Session,
  { refreshImage }: Pick<DeployOptions, "refreshImage">,
): Promise<ConfigurationChange> =>
  session.step("compare the configuration", async (detail) => {
    const { config, tools } = session;
    const before = outdatedBefore(config, tools.clock.now());
    const change = await compareConfiguration(session, { refreshImage, outdatedBefore: before });
    detail(change.actions.length === 0 ? "as it is" : "changed");
    return change;
  });

const publish = (
  { aws, tools, signal, step }: Session,
  packed: Packed,
  options: Pick<PublishOptions, "template" | "onWhole"> = {},
): Promise<Published> =>
  step("publish", async (detail) => {
    const found = await publishRelease(aws.store, packed, {
      ...{ by: tools.holder, clock: tools.clock, signal, onProgress: tellProgress(tools.terminal.say) },
      ...options,
    });
    const again = condemnedBefore(found);
    if (again !== undefined) tools.terminal.warn(again);
    detail(`${found.id}${found.reused ? ", which is in the bucket already" : ""}`);
    return found;
  });

/** The site is served already: a missing image for the next boot does not make the deploy a failure. */
async function baked(session: Session, { release }: Outcome): Promise<Pick<Outcome, "baked">> {
  try {
    return { baked: report(await bake(session)) };
  } catch (error) {
    session.signal.throwIfAborted();
    session.tools.terminal.warn(
      `${release} is served, but it has no image: ${messageOf(error)}; \`everspot bake\` tries again`,
    );
    return {};
  }
}
