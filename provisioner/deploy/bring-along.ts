/** What an instance has written that was launched without `[state]`: brought along, when `[state]` is turned on. */
import type { BootRecord } from "../../agent/site/boot-record.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import { LOG_PREFIX } from "../../agent/site/state/keys.ts";
import { readBoot } from "../aws/boot-records.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Session } from "./session.ts";

/**
 * The instance whose writing is on its disk alone though the site is to keep it.
 * @returns undefined: there is none. @throws EverspotError for one that cannot bring it along, being launched by an
 * everspot that knew nothing of that.
 */
export async function writesToDisk(config: Config, aws: Looking): Promise<string | undefined> {
  const { owner, written } = await lookAtOwner(config, aws);
  if (owner === undefined || written === "bucket") return undefined;
  if (written === "disk") return owner;
  const log = await aws.state.list(LOG_PREFIX);
  if (log.objects.length > 0) return undefined;
  throw new EverspotError(`${config.site} runs without [state]: what it has written would be left behind`, {
    resource: owner,
    hint: 'an instance of an everspot before this one cannot bring it along: docs/state.md, "A site that runs already"',
  });
}

/**
 * In place, the data are this release's and the next one's: an agent that does not know of that would let both work on
 * them. @throws EverspotError
 */
export async function checkInPlace(config: Config, aws: Looking): Promise<void> {
  await refuseToLeaveBehind(config, aws, "it gets no release in place");
  const { owner, written } = await lookAtOwner(config, aws);
  if (owner === undefined || written !== undefined) return;
  throw new EverspotError(`${owner} cannot take a release in place: its agent comes from an older everspot`, {
    resource: owner,
    hint: "leave out --in-place once: a new instance comes with this everspot's agent",
  });
}

/** For a command that would leave it behind, where `deploy` can bring it along. @throws EverspotError */
export async function refuseToLeaveBehind(config: Config, aws: Looking, what: string): Promise<void> {
  const { owner, written } = await lookAtOwner(config, aws);
  if (owner === undefined || written !== "disk") return;
  throw new EverspotError(`${owner} was launched without [state]: ${what}`, {
    resource: owner,
    hint: "`everspot deploy` first: it turns [state] on with all that the instance has written",
  });
}

type Config = Pick<SiteConfig, "site" | "state">;
type Looking = Pick<Aws, "instances" | "state" | "store">;

/** Who has a site with `[state]`, as long as it is there; and where it writes: agents of before do not say. */
async function lookAtOwner(
  { state }: Config,
  aws: Looking,
): Promise<{ owner?: string; written?: BootRecord["written"] }> {
  if (state === undefined) return {};
  const { value: site } = await readDocument(aws.store, siteDocument);
  if (site === undefined) return {};
  const { owner } = site;
  if (!(await aws.instances.look(owner)).some((i) => i.alive && i.id === owner)) return {};
  return { owner, written: (await readBoot(aws, owner))?.written };
}

/**
 * Has the instance that serves bring what it has written to the bucket, while it goes on serving; what comes later it brings
 * when the next one takes the site over.
 * @param seconds that it may take. @throws EverspotError: the site is served as before then.
 */
export async function bringAlong(session: Session, owner: string, seconds: number): Promise<void> {
  const { aws, config, tools, signal, lock } = session;
  const { clock } = tools;
  await session.step(`bring what ${owner} has written`, async (detail) => {
    await session.note({ takes: config.state });
    await poll(
      `${owner} is not ready`,
      async () => {
        const boot = await readBoot(aws, owner);
        const brought = boot?.brought?.deploy === lock.id ? boot.brought : undefined;
        if (brought?.state === "failed") {
          throw new EverspotError(`${owner} cannot bring what it has written: ${brought.detail ?? ""}`, {
            resource: owner,
            hint: "nothing was changed, the site is served as before; correct [state], run `everspot up`, and deploy again",
          });
        }
        if (brought?.state === "ready") return { done: undefined };
        const alive = (await aws.instances.look(owner)).some((i) => i.alive && i.id === owner);
        if (!alive) {
          throw new EverspotError(`${owner} is gone`, {
            hint: "AWS took it, with what it had written; its replacement keeps what it writes",
          });
        }
        return { waiting: brought?.detail ?? "it has not begun" };
      },
      {
        ...{ seconds, everySeconds: 0.5, clock, signal },
        hint: "the site is served as before; deploy again, with a longer --timeout where there is much to bring",
      },
    );
    detail("all so far; the rest comes when the site passes on");
  });
}
