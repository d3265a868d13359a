import { channelDocument, releaseBefore, rollBack } from "../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { refuseToLeaveBehind } from "../deploy/bring-along.ts";
import { checkState } from "../deploy/check-state.ts";
import { inPlace } from "../deploy/in-place.ts";
import { perform } from "../deploy/perform.ts";
import { requireFleet } from "../deploy/scene.ts";
import { keepRelease } from "../deploy/supersede.ts";
import { swap } from "../deploy/swap.ts";
import type { Tools } from "../operator/tools.ts";
import { readManifest } from "../release/manifests.ts";

export interface RollbackOptions {
  /** The release to go back to; the one before the current one if not given. */
  id: string | undefined;
  inPlace: boolean;
  /** Seconds for which visitors may be held meanwhile, where the configuration's are too few. */
  pause?: number;
  /** Seconds to wait for the release to serve. */
  timeout: number;
}

const nothing = async (): Promise<void> => {};

/** `everspot rollback [ID]`: an earlier release goes through the same gate as a new one. */
export async function runRollback(config: SiteConfig, tools: Tools, options: RollbackOptions): Promise<void> {
  checkState(config, options);
  const aws = await connect(config, tools.clock);
  try {
    await requireFleet(aws, config.site);
    await refuseToLeaveBehind(config, aws, "another one would begin without what it has written");
    const kind = options.inPlace ? "in-place" : "swap";
    const given = { command: "rollback", config, tools, aws, kind } as const;
    await perform(given, nothing, async (session) => {
      const release = await session.step("choose the release", async (detail) => {
        const { value: channel } = await readDocument(aws.store, channelDocument);
        const to = options.id ?? releaseBefore(channel);
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
        await keepRelease(aws, to);
        detail(`${to}, made ${manifest.created}`);
        return to;
      });
      if (options.pause !== undefined) await session.note({ pause: options.pause });
      if (!options.inPlace) await session.note({ release });
      await updateDocument(aws.store, channelDocument, (channel) => rollBack(channel, release), tools.clock);
      // In place, the agent begins at the note, and must find the candidate then.
      if (options.inPlace) await session.note({ release });
      const how = options.inPlace ? inPlace : swap;
      return { release, result: "done", instance: await how(session, release, options.timeout) };
    });
  } finally {
    aws.close();
  }
}
