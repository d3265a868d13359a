import { messageOf } from "../site/errors.ts";
import { run } from "./run.ts";

/** Whoever ends this process when it has not heard of it for the unit's WatchdogSec. */
export interface Supervisor {
  /** All is well. Never rejects. */
  alive(): Promise<void>;
}

/** Seconds after which systemd is no longer waited for. */
const SECONDS = 10;

/**
 * systemd, by its own program: Node has no datagram sockets of the kind that NOTIFY_SOCKET is (sd_notify(3)).
 * @param env without NOTIFY_SOCKET nothing is sent: this is not a unit.
 */
export function systemdSupervisor(
  env: NodeJS.ProcessEnv,
  onTrouble: (message: string) => void,
  program = "systemd-notify",
): Supervisor {
  if (!env.NOTIFY_SOCKET) return { alive: async () => {} };
  return {
    alive: async () => {
      await run(program, ["WATCHDOG=1"], {
        seconds: SECONDS,
        env: { NOTIFY_SOCKET: env.NOTIFY_SOCKET ?? "" },
      }).catch((error: unknown) =>
        onTrouble(`systemd could not be notified that the agent is well: ${messageOf(error)}`),
      );
    },
  };
}
