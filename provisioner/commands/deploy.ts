import { copyFile, rm } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { connect } from "../aws/connect.ts";
import { bake } from "../bake/bake.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { runAbort } from "../deploy/abort.ts";
import { inPlace } from "../deploy/in-place.ts";
import { type Outcome, perform } from "../deploy/perform.ts";
import { requireFleet } from "../deploy/scene.ts";
import type { Session } from "../deploy/session.ts";
import { swap } from "../deploy/swap.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { planConfiguration } from "../plan/configuration.ts";
import type { Packed } from "../release/pack.ts";
import { type Published, publishRelease } from "../release/publish.ts";
import { tellProgress } from "../release/tell-progress.ts";
import { report } from "./bake.ts";

export interface DeployOptions {
  /** On the running instance instead of on a new one. */
  inPlace: boolean;
  /** Stops a deploy, whoever runs it, and puts things in order. */
  abort: boolean;
  /** Only packs, into this file. */
  package?: string;
  /** Also when nothing changed. */
  force: boolean;
  /** Makes an image of the instance that serves in the end. */
  bake: boolean;
  /** Files that look like secrets and may go in all the same. */
  allow: readonly string[];
  /** Seconds to wait for the release to serve. */
  timeout: number;
}

/** `everspot deploy`: the project's folder becomes a release, which takes the site over once it serves. */
export async function runDeploy(config: SiteConfig, tools: Tools, options: DeployOptions): Promise<void> {
  if (options.package !== undefined) return await packOnly(config, tools, options, options.package);
  const aws = await connect(config, tools.clock);
  try {
    if (options.abort) return await runAbort(config, tools, aws);
    await requireFleet(aws, config.site);
    const kind = options.inPlace ? "in-place" : "swap";
    await perform({ command: "deploy", config, tools, aws, kind }, (session) => deploy(session, options));
  } finally {
    aws.close();
  }
}

async function deploy(session: Session, options: DeployOptions): Promise<Outcome> {
  const { tools, step } = session;
  const packed = await step("pack", async (detail) => {
    const made = await pack(session, options);
    detail(sizeOf(made));
    return made;
  });
  try {
    for (const warning of packed.warnings) tools.terminal.warn(warning);
    const outcome = await (options.inPlace ? deployInPlace : deployBySwap)(session, packed, options);
    return options.bake ? { ...outcome, ...(await baked(session, outcome)) } : outcome;
  } finally {
    await rm(path.dirname(packed.file), { recursive: true, force: true });
  }
}

/** The site is served already: that there is no image for the next boot does not make the deploy a failure. */
async function baked(session: Session, { release }: Outcome): Promise<Pick<Outcome, "baked">> {
  try {
    return { baked: report(await bake(session)) };
  } catch (error) {
    session.signal.throwIfAborted();
    session.tools.terminal.warn(
      `${release} is served, but no image was made of it: ${messageOf(error)}; \`everspot bake\` tries again`,
    );
    return {};
  }
}

async function deployBySwap(session: Session, packed: Packed, options: DeployOptions): Promise<Outcome> {
  const { config, aws, tools, step, note } = session;
  const change = await step("compare the configuration", async (detail) => {
    const planned = await planConfiguration(config, aws, tools);
    detail(planned.actions.length === 0 ? "as it is" : "changed");
    return planned;
  });
  const { id: release, state } = await publish(session, packed, (id) => note({ release: id }));
  if (state === "current" && change.actions.length === 0 && !options.force) {
    return { release, result: "unchanged" };
  }
  if (change.actions.length > 0) {
    await note(change.before === undefined ? {} : { before: change.before });
  }
  return { release, result: "done", instance: await swap(session, release, options.timeout, change) };
}

async function deployInPlace(session: Session, packed: Packed, options: DeployOptions): Promise<Outcome> {
  const { config, aws, tools } = session;
  // Only to be told of, so nobody waits for it.
  const change = planConfiguration(config, aws, tools).then(
    ({ actions }) => actions.length > 0,
    () => true,
  );
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
    tools.terminal.warn(
      "everspot.toml or everspot itself changed, too; that counts from the next deploy without --in-place on",
    );
  }
  return outcome;
}

/** @param onWhole told before the release is the candidate. */
const publish = (
  { aws, tools, signal, step }: Session,
  packed: Packed,
  onWhole?: (id: string) => Promise<void>,
): Promise<Published> =>
  step("publish", async (detail) => {
    const found = await publishRelease(aws.store, packed, {
      ...{ by: tools.holder, clock: tools.clock, signal, onProgress: tellProgress(tools.terminal.say) },
      ...(onWhole === undefined ? {} : { onWhole }),
    });
    detail(`${found.id}${found.reused ? ", which is in the bucket already" : ""}`);
    return found;
  });

const pack = (
  { tools, config, signal }: Pick<Session, "tools" | "config" | "signal">,
  options: DeployOptions,
) => tools.pack(config, { allow: options.allow, signal, onProgress: tellProgress(tools.terminal.say) });

const sizeOf = ({ files, size, packages }: Packed): string =>
  `${files} files, ${packages.length === 0 ? "" : `${packages.length} packages, `}${(size / 1e6).toFixed(1)} MB`;

async function packOnly(
  config: SiteConfig,
  tools: Tools,
  options: DeployOptions,
  file: string,
): Promise<void> {
  const { terminal, clock } = tools;
  const began = clock.now();
  const packed = await pack({ config, tools, signal: tools.interrupted() }, options);
  try {
    for (const warning of packed.warnings) terminal.warn(warning);
    await copyFile(packed.file, file).catch((cause: NodeJS.ErrnoException) => {
      throw new EverspotError(`${file} could not be written: ${cause.message}`, { resource: file, cause });
    });
  } finally {
    await rm(path.dirname(packed.file), { recursive: true, force: true });
  }
  const { sha256, size, unpackedSize, files, packages, bytecode, python, arch, git } = packed;
  const seconds = (clock.now() - began) / 1000;
  const facts = { sha256, size, unpackedSize, files, packages, bytecode, python, arch, git };
  terminal.json({ command: "deploy", site: config.site, package: path.resolve(file), ...facts, seconds });
  terminal.print(`${file}: ${sizeOf(packed)} (${took(seconds)}); nothing was deployed`);
}
