import { readlink } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../machine/machine.ts";
import { DRAIN_SECONDS } from "../ownership/state-swap.ts";
import { prepareApp, startApp, switchFiles, waitHealthy } from "../serving/app.ts";
import { drained } from "../serving/drain.ts";
import { pointLink } from "../system/files.ts";
import { paths } from "../system/paths.ts";
import { holdingOf, startForwarding } from "./forward.ts";
import { hold, isAway, letGo } from "./hold.ts";
import type { TurnGround } from "./state-turn.ts";

/** Nothing ever listens there. */
const NOBODY = "nobody.sock";

/** The ground of this machine. @param release of the app on it. */
export function turnGround(machine: Machine, release: () => string): TurnGround {
  const holding = holdingOf(machine);
  const { live } = holding;
  const socket = () => paths.appSocket(release());
  return {
    async held() {
      if (await isAway(holding)) return true;
      // Requests are held, too, while the link leads elsewhere.
      return (await readlink(paths.socket).catch(() => undefined)) !== socket();
    },
    hold: (signal) => hold(holding, signal),
    close: () => pointLink(paths.socket, join(paths.run, NOBODY)),
    async drain() {
      await drained(socket(), { seconds: DRAIN_SECONDS, live }, machine.clock);
    },
    passOn: (to, signal) => startForwarding(machine, to, signal),
    async startApp(signal) {
      const [apps, secrets] = await Promise.all([machine.host.apps(), machine.secrets.read()]);
      const [id, folder] = [release(), join(paths.releases, release())];
      // Done before, where it ran already and its data was not brought again.
      await prepareApp(apps, id, folder, secrets, signal);
      await startApp(apps, id, folder, signal);
      await waitHealthy(apps, id, folder, signal);
    },
    async letGo(signal) {
      await switchFiles(await machine.host.apps(), release(), join(paths.releases, release()));
      await letGo(holding, socket(), signal);
    },
  };
}
