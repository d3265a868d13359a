import { dirname, join } from "node:path";
import { type InPlaceContext, swapInPlace } from "../handover/in-place.ts";
import { askHealth } from "../serving/health.ts";
import { channelDocument, demote } from "../site/channel.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import { pointLink } from "../system/files.ts";
import { appUnit } from "../system/paths.ts";
import type { AppControl } from "./watchdog.ts";

/** gunicorn's own patience with a worker that hangs is 30 s. */
const STOP_SECONDS = 60;
const START_SECONDS = 60;
/** Nothing ever listens there. */
const NOBODY = "nobody.sock";

/** The app of this machine. `served`: called with the release that serves after a fall-back. */
export function appControl(
  context: Omit<InPlaceContext, "pauseJobs">,
  served: (release: string) => Promise<void>,
): AppControl {
  const { machine } = context;
  const { units, config, store, clock, host } = machine;
  return {
    async restart(release) {
      const unit = appUnit(release);
      await units.stop(unit, STOP_SECONDS);
      await units.reset(unit);
      await units.start(unit, START_SECONDS, context.signal);
    },
    async serve(release, instead) {
      const at = new Date(clock.now()).toISOString();
      const reason = "it stopped answering before it had proved itself";
      await updateDocument(
        store,
        channelDocument,
        (channel) => channel && demote(channel, instead, reason, at),
        clock,
      );
      const { value: channel } = await readDocument(store, channelDocument);
      if (channel?.current !== release) return false;
      if (!(await swapInPlace({ deploy: `fall-back-${at}`, release }, instead, context))) return false;
      await served(release);
      return true;
    },
    async answers(release) {
      const { socketOf } = await host.apps();
      return (await askHealth(socketOf(release), config.app.health, config.domain)).ok;
    },
    async held() {
      if (await host.inMaintenance()) return true;
      const { state } = machine;
      if (state === undefined) return false;
      if (await state.sealed()) return true;
      const now = await state.status();
      if (now?.state !== "shipping") return true;
      return now.lag !== undefined && now.bound !== undefined && now.lag > now.bound;
    },
    async hide() {
      const { links } = await host.apps();
      await pointLink(links.socket, join(dirname(links.socket), NOBODY));
    },
    async show(release) {
      const { links, socketOf } = await host.apps();
      await pointLink(links.socket, socketOf(release));
    },
  };
}
