import type { BootRecord } from "../../agent/site/boot-record.ts";
import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { type Look, poll } from "../../agent/site/poll.ts";
import { applyChange } from "../apply/change.ts";
import { removeImage, tidyImages } from "../apply/obsolete-images.ts";
import type { BakedImage } from "../aws/baked-images.ts";
import { readBoot } from "../aws/boot-records.ts";
import { describeUp } from "../plan/actions.ts";
import type { Change } from "../plan/plan.ts";
import { currentOf } from "../seen/current.ts";
import { observeSite } from "../seen/observe.ts";
import { sameDocument } from "../wanted/same.ts";
import { parseVersion, templateHash } from "../wanted/template.ts";
import { compareConfiguration } from "./configuration.ts";
import type { Session } from "./session.ts";

export interface Baked {
  image: string;
  snapshot: string | undefined;
  /** The Debian image below it. */
  base: string;
  /** The instance it was made from. */
  instance: string;
  /** GB of the disk. */
  size: number;
  /** Ids of older images and snapshots that are gone now. */
  removed: string[];
}

/** Seconds for the owner to write everything to its disk. */
const SETTLE_SECONDS = 180;
/** EC2 takes a few minutes for the first snapshot of a disk, less for later ones. */
const IMAGE_SECONDS = 3600;
const LOOK_SECONDS = 2;

/**
 * Makes an image of the instance that has the site, and launches from it from now on (DESIGN §4, layers).
 *
 * The instance is not rebooted for it: it is the only one, and visitors would be without the site for as long as a
 * reboot takes. So the snapshot is of a disk in use, as after a power cut, which its file system and the agent are made
 * for: nothing is taken before the agent has flushed what its boot made (`settled` in the boot record), a release
 * counts only once it has been flushed, and keys and secrets are in memory alone. What belongs to the one machine is
 * dropped when another boots from the image (agent/identity/origin.ts).
 *
 * If it fails before the fleet launches from the image, the image is removed.
 */
export async function bake(session: Session): Promise<Baked> {
  const { aws, tools, step, signal } = session;
  const { clock } = tools;
  const { instance, base } = await step("find a proven instance", async (detail) => {
    const found = await provenInstance(session);
    detail(found.instance);
    return found;
  });
  const began = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  let image: BakedImage | undefined;
  const id = await step(`make an image of ${instance}`, async (detail) => {
    const name = `everspot-${session.config.site}-${began}`;
    const made = await aws.bakedImages.create({ instance, base, name });
    try {
      image = await untilAvailable(session, made);
    } catch (error) {
      await removeImage(aws, { id: made, snapshot: undefined }).catch(() => undefined);
      throw error;
    }
    detail(`${made}, ${image.size} GB`);
    return made;
  });
  try {
    await step("launch by it", async (detail) => {
      signal.throwIfAborted();
      const change = await compareConfiguration(session);
      await session.note(omitUndefined({ before: change.before }));
      await applyChange(change, aws, tools);
      await letFallBack(session, change);
      const { template, fleet } = currentOf(await observeSite(aws, { settled: true }));
      const launched = template?.latest;
      if (launched?.image !== id || fleet?.template?.version !== launched.version) {
        throw new EverspotError(`the fleet does not launch ${id}`, {
          hint: "`everspot status` shows what it launches; `everspot up` corrects that",
        });
      }
      detail(`version ${launched.version} of the launch template`);
    });
  } catch (error) {
    const { templates } = await observeSite(aws);
    if (templates[0]?.latest.image !== id) await removeImage(aws, { id, snapshot: image?.snapshot });
    throw error;
  }
  const removed = await step("remove older images", async (detail) => {
    const gone = await tidyImages(aws);
    detail(gone.length === 0 ? "none may go yet" : gone.join(", "));
    return gone;
  });
  return { image: id, snapshot: image?.snapshot, base, instance, size: image?.size ?? 0, removed };
}

/** An instance is to launch Debian's image again when this one is gone: only then may it change what is launched. */
async function letFallBack({ aws, tools }: Session, { wanted, seen }: Change): Promise<void> {
  if (!sameDocument(seen.roles.role?.policy, wanted.role.otherwise)) return;
  try {
    await aws.roles.setPolicy(wanted.role.policy);
  } catch (error) {
    tools.terminal.warn(
      `if the image vanishes, no instance may go back to Debian's by itself: ${messageOf(error)}; \`everspot up\` at a terminal puts that right`,
    );
  }
}

/** @throws EverspotError when no instance is known to serve, or when the next one is to be different. */
async function provenInstance(session: Session): Promise<{ instance: string; base: string }> {
  const { aws, tools, signal } = session;
  const [{ value: site }, { value: channel }, instances] = await Promise.all([
    readDocument(aws.store, siteDocument),
    readDocument(aws.store, channelDocument),
    aws.instances.look(),
  ]);
  const owner = instances.find((i) => i.state === "running" && i.id === site?.owner);
  if (site?.state !== "serving" || owner === undefined) {
    throw new EverspotError("no instance serves the site, so there is none to make an image of", {
      hint: "`everspot status` shows its state",
      retry: "retry",
    });
  }
  if (channel?.current !== site.release) {
    throw new EverspotError(
      `${owner.id} serves ${site.release ?? "no release"}, and ${channel?.current ?? "none"} is current`,
      { hint: "deploy first" },
    );
  }
  await finishEarlier(session);
  const { templates, images } = await observeSite(aws);
  const latest = templates[0]?.latest;
  if (owner.templateVersion !== latest?.version) {
    tools.terminal.warn(
      `${owner.id} was launched from version ${owner.templateVersion} of the launch template, the newest is ${latest?.version}: what the image lacks for it, each boot has to add`,
    );
  }
  const boot = await untilSettled(session, owner.id);
  signal.throwIfAborted();
  const wanted = parseVersion(latest?.description)?.baked?.base ?? latest?.image;
  const base = boot.base ?? images.find((i) => i.id === owner.image)?.base ?? owner.image;
  if (base !== wanted) {
    throw new EverspotError(
      `${owner.id} was launched from the image ${base}, and the next instance will be from ${wanted}`,
      {
        hint: "`everspot deploy --force --bake` makes an image of one launched from the newer image",
      },
    );
  }
  return { instance: owner.id, base };
}

/**
 * The next instance is to be as this one, but for the image: what an earlier bake did not come to, or an image that
 * vanished, is put right first. @throws EverspotError when more has changed than the image.
 */
async function finishEarlier(session: Session): Promise<void> {
  const { aws, tools } = session;
  const change = await compareConfiguration(session);
  if (change.actions.length === 0) return;
  const { template, fleet, group } = currentOf(await observeSite(aws));
  const latest = template?.latest;
  const made = change.actions.flatMap((a) => (a.do === "create-template-version" ? [a] : [])).at(-1);
  const sameButImage =
    made === undefined
      ? fleet?.template?.version !== latest?.version || change.actions.every((a) => a.do === "note-image")
      : templateHash({ ...made.data, image: latest?.image ?? "" }, group?.id ?? "") ===
        parseVersion(latest?.description)?.hash;
  if (!sameButImage) {
    throw new EverspotError("everspot.toml or everspot itself changed since the site was brought up", {
      lines: change.actions.map(describeUp),
      hint: "run `everspot up` or `everspot deploy` first",
    });
  }
  await applyChange(change, aws, tools);
}

async function untilSettled({ aws, tools, signal }: Session, instance: string): Promise<BootRecord> {
  return poll(
    `${instance} has not written everything to its disk`,
    async (): Promise<Look<BootRecord>> => {
      const boot = await readBoot(aws, instance);
      if (boot?.settled !== undefined && boot.state === "serving") return { done: boot };
      return { waiting: boot === undefined ? "no boot record" : `${boot.state}, still writing` };
    },
    {
      ...{ seconds: SETTLE_SECONDS, everySeconds: LOOK_SECONDS, clock: tools.clock, signal },
      hint: "an instance with an older agent never says so: deploy first",
    },
  );
}

async function untilAvailable({ aws, tools, signal }: Session, id: string): Promise<BakedImage> {
  let said = "";
  return poll(
    `the image ${id} is not there`,
    async () => {
      const image = (await aws.bakedImages.look()).find((i) => i.id === id);
      if (image?.state === "available") return { done: image };
      if (image !== undefined && image.state !== "pending") {
        throw new EverspotError(`EC2 could not make the image: it is ${image.state}`, { resource: id });
      }
      const progress = (await aws.bakedImages.snapshots()).find((s) => s.id === image?.snapshot)?.progress;
      if (progress !== undefined && progress !== said) tools.terminal.say(`  ${id}: ${progress}`);
      said = progress ?? said;
      return { waiting: `${image?.state ?? "not shown"} ${progress ?? ""}`.trim() };
    },
    { seconds: IMAGE_SECONDS, everySeconds: LOOK_SECONDS, clock: tools.clock, signal },
  );
}
