import { channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { poll } from "../../agent/site/poll.ts";
import { addressOf } from "../config/address.ts";
import { throughMaintenance } from "../operator/maintenance.ts";
import { waitUntilReachable } from "../operator/reach.ts";
import type { Session } from "./session.ts";

/** Seconds for the site to answer by name at the end. */
const REACH_SECONDS = 60;
/** Seconds for the owner to write down what it serves, and that it is current. */
const RECORD_SECONDS = 15;

/** @throws EverspotError when it is not proved that this instance serves the release, and that the next one will. */
export async function checkFromOutside(session: Session, instance: string, release: string): Promise<void> {
  const { config, aws, tools } = session;
  const url = addressOf(config, config.app.health);
  await session.step("check from outside", async (detail) => {
    const status = await waitUntilReachable(url, {
      probe: throughMaintenance(tools.probe, aws.store),
      seconds: REACH_SECONDS,
      clock: tools.clock,
    });
    await poll(
      `${instance} has the site with ${release}`,
      async () => {
        const [{ value: site }, { value: channel }] = await Promise.all([
          readDocument(aws.store, siteDocument),
          readDocument(aws.store, channelDocument),
        ]);
        if (site?.owner !== instance || site.release !== release)
          return { waiting: `${site?.owner ?? "no instance"} has it with ${site?.release ?? "no release"}` };
        if (channel?.current === release) return { done: true };
        // The next machine would run another one.
        return { waiting: `${channel?.current ?? "no release"} is current` };
      },
      {
        ...{ seconds: RECORD_SECONDS, everySeconds: 1, clock: tools.clock, signal: session.signal },
        hint: "`everspot status` shows who serves",
      },
    );
    detail(`${url} answers ${status}${status === 503 ? " (maintenance is on)" : ""}, served by ${instance}`);
  });
}
