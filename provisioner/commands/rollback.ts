import { channelDocument, releaseBefore, rollBack } from "../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { checkInPlace, refuseToLeaveBehind } from "../deploy/bring-along.ts";
import { NotServed } from "../deploy/candidate.ts";
import { checkState } from "../deploy/check-state.ts";
import { inPlace } from "../deploy/in-place.ts";
import { perform } from "../deploy/perform.ts";
import { requireFleet } from "../deploy/scene.ts";
import { keepRelease } from "../deploy/supersede.ts";
import { swap } from "../deploy/swap.ts";
import type { Tools } from "../operator/tools.ts";
import { readManifest } from "../release/manifests.ts";
import { runDataRestore } from "./data/restore.ts";

export interface RollbackOptions {
  /** The release to go back to; the one before the current one if not given. */
  id: string | undefined;
  inPlace: boolean;
  /** With what had been written when the release before it came. */
  dataToo?: boolean;
  /** Seconds for which visitors may be held meanwhile, where the configuration's are too few. */
  pause?: number;
  /** Seconds to wait for the release to serve. */
  timeout: number;
}

const nothing = async (): Promise<void> => {};

/** `everspot rollback [ID]`: an earlier release goes through the same gate as a new one. */
export async function runRollback(config: SiteConfig, tools: Tools, options: RollbackOptions): Promise<void> {
  checkState(config, options);
  if (options.dataToo) return rollBackDataToo(config, tools, options);
  const aws = await connect(config, tools.clock);
  try {
    await requireFleet(aws, config.site);
    const behind = "another one would begin without what it has written";
    await (options.inPlace ? checkInPlace(config, aws) : refuseToLeaveBehind(config, aws, behind));
    const kind = options.inPlace ? "in-place" : "swap";
    const given = { command: "rollback", config, tools, aws, kind } as const;
    await perform(given, nothing, async (session) => {
      const release = await session.step("choose the release", async (detail) => {
        const { to, created } = await choose(aws, options.id);
        await keepRelease(aws, to);
        detail(`${to}, made ${created}`);
        return to;
      });
      if (options.pause !== undefined) await session.note({ pause: options.pause });
      if (!options.inPlace) await session.note({ release });
      await updateDocument(aws.store, channelDocument, (channel) => rollBack(channel, release), tools.clock);
      // In place, the agent begins at the note, and must find the candidate then.
      if (options.inPlace) await session.note({ release });
      const how = options.inPlace ? inPlace : swap;
      const instance = await how(session, release, options.timeout).catch((error: unknown) => {
        throw config.state === undefined ? error : offered(error);
      });
      return { release, result: "done", instance };
    });
  } finally {
    aws.close();
  }
}

/** @throws EverspotError for a release that cannot be gone back to. */
async function choose(
  aws: Aws,
  id: string | undefined,
): Promise<{ to: string; created: string; current: string }> {
  const { value: channel } = await readDocument(aws.store, channelDocument);
  const to = id ?? releaseBefore(channel);
  // Refused before anything is looked for.
  rollBack(channel, to);
  const [manifest, zip] = await Promise.all([
    readManifest(aws.store, to),
    aws.store.head(keys.releaseZip(to)),
  ]);
  if (manifest === undefined || zip === undefined) {
    throw new EverspotError(`release ${to} is not in the bucket`, {
      resource: `${aws.store.url}/${keys.releaseZip(to)}`,
      hint: "`everspot releases` lists those that are",
    });
  }
  return { to, created: manifest.created, current: channel?.current ?? "" };
}

/** An earlier release that does not run on today's data is not to blame for it. */
function offered(error: unknown): unknown {
  if (!(error instanceof NotServed) || error.blame === undefined) return error;
  const { message, resource, lines } = error;
  return new NotServed(message, undefined, {
    ...{ resource, lines, cause: error },
    hint: "the site is served as before. If the release cannot work with today's data: undo its migrations (`everspot manage migrate APP NUMBER`) and roll back again; or `everspot rollback --data-too`, which drops what was written since",
  });
}

/**
 * `--data-too`: the site stands still, and its next instance begins with the release before and with what had been written
 * when the current one came. Says first what that drops; it stays in the history.
 */
async function rollBackDataToo(config: SiteConfig, tools: Tools, options: RollbackOptions): Promise<void> {
  if (config.state === undefined || options.inPlace) {
    throw new EverspotError(
      config.state === undefined
        ? "--data-too is for a site that keeps what it writes"
        : "--data-too ends the running instance: it cannot be in place",
      { hint: "leave it out", exitCode: USAGE },
    );
  }
  const aws = await connect(config, tools.clock);
  const chosen = await (async () => {
    try {
      await requireFleet(aws, config.site);
      const { value: channel } = await readDocument(aws.store, channelDocument);
      const before = releaseBefore(channel);
      if (options.id !== undefined && options.id !== before) {
        throw new EverspotError(`--data-too goes back by one release, to ${before}`, {
          hint: `go back further with \`everspot data restore --before RELEASE\`, then \`everspot rollback ${options.id}\``,
          exitCode: USAGE,
        });
      }
      const found = await choose(aws, before);
      await keepRelease(aws, found.to);
      return found;
    } finally {
      aws.close();
    }
  })();
  const { to, created, current } = chosen;
  await runDataRestore(
    config,
    tools,
    { before: current, dryRun: false },
    {
      command: "rollback",
      facts: { release: to, previous: current },
      lines: [`${to}, made ${created}, is served again in the place of ${current}`],
      work: async ({ store }) => {
        await updateDocument(store, channelDocument, (channel) => rollBack(channel, to), tools.clock);
      },
    },
  );
}
