import { applyChange } from "../apply/change.ts";
import { removeImage } from "../apply/obsolete-images.ts";
import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { type Baked, bake } from "../deploy/bake.ts";
import { compareConfiguration } from "../deploy/configuration.ts";
import { requireFleet } from "../deploy/scene.ts";
import type { Session } from "../deploy/session.ts";
import { Timeline } from "../deploy/timeline.ts";
import { underLock } from "../deploy/under-lock.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { dollars, snapshotCost } from "../plan/bill.ts";

export interface BakeOptions {
  /** Removes the images instead, and launches Debian's again. */
  remove: boolean;
}

/** `everspot bake`: an image of the instance that serves, so that the next one has everything at once. */
export async function runBake(config: SiteConfig, tools: Tools, { remove }: BakeOptions): Promise<void> {
  const { terminal, questions, clock } = tools;
  const aws = await connect(config, tools.clock);
  const timeline = new Timeline(terminal, clock);
  try {
    await requireFleet(aws, config.site);
    if (!remove) await questions.agree(`${priceOf(config.fleet.disk)} Make an image of ${config.site}?`);
    // No release is named, so the agents only put off their tidying until it is over.
    const interrupted = tools.interrupted();
    const given = { config, aws, tools, timeline, interrupted, kind: "in-place" as const };
    const tell = (result: object, text: string) => {
      const { seconds, steps } = timeline;
      terminal.json({ command: "bake", site: config.site, ...result, seconds, steps });
      terminal.print(`${terminal.style.green("✓")} ${text} (${took(seconds)})`);
    };
    if (remove) {
      tell(await underLock(given, unbake), "the next instance boots from Debian's image");
    } else {
      const made = report(await underLock(given, bake));
      const price = dollars(made.monthly);
      tell(made, `the next instance boots from ${made.image}, for at most ${price} a month`);
    }
  } finally {
    aws.close();
  }
}

const priceOf = (disk: number): string =>
  `The snapshot of a disk of ${disk} GB costs at most ${dollars(snapshotCost(disk))} a month; AWS charges for the part in use, and for an older one until the next instance has served.`;

/** As in the JSON document. `monthly`: USD, at most. */
export const report = (baked: Baked) => ({ ...baked, monthly: snapshotCost(baked.size) });

async function unbake(session: Session): Promise<{ removed: string[] }> {
  const { aws, tools, step } = session;
  const images = await step("look for images", async (detail) => {
    const found = await aws.bakedImages.look();
    detail(found.map((i) => i.id).join(", ") || "none");
    return found;
  });
  await step("launch Debian's image", async (detail) => {
    const change = await compareConfiguration(session, { notOwn: true });
    await applyChange(change, aws, tools);
    detail(change.actions.length === 0 ? "as before" : "from now on");
  });
  await step("remove the site's own", () => removeAll(aws, images));
  return { removed: images.flatMap((i) => [i.id, i.snapshot ?? []].flat()) };
}

async function removeAll(
  aws: Aws,
  images: readonly { id: string; snapshot: string | undefined }[],
): Promise<void> {
  for (const image of images) await removeImage(aws, image);
}
