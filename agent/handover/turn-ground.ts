import { readlink } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../machine/machine.ts";
import { startApp, waitHealthy } from "../serving/app.ts";
import { drained } from "../serving/drain.ts";
import { pointLink } from "../system/files.ts";
import { paths } from "../system/paths.ts";
import { holdingOf, startForwarding } from "./forward.ts";
import { hold, isAway, letGo } from "./hold.ts";
import { DRAIN_SECONDS } from "../ownership/state-swap.ts";
import type { TurnGround } from "./state-turn.ts";

/** Nothing ever listens there. */
const NOBODY = "nobody.sock";

/** The ground of this machine. @param release of the app on it. */
export function turnGround(machine: Machine, release: () => string): TurnGround {
  const holding = holdingOf(machine);
  const socket = () => paths.appSocket(release());
  return {
    async held() {
      if (await isAway(holding)) return true;
      // Nor do they when it leads to nobody.
      return (await readlink(paths.socket).catch(() => undefined)) !== socket();
    },
    hold: (signal) => hold(holding, signal),
    close: () => pointLink(paths.socket, join(paths.run, NOBODY)),
    async drain() {
      await drained(socket(), DRAIN_SECONDS, machine.clock);
    },
    passOn: (to, signal) => startForwarding(machine, to, signal),
    async startApp(signal) {
      const apps = await machine.host.apps();
      await startApp(apps, release(), signal);
      await waitHealthy(apps, release(), join(paths.releases, release()), signal);
    },
    letGo: (signal) => letGo(holding, socket(), signal),
  };
}
