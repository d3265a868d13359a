import { rm, writeFile } from "node:fs/promises";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { askHealth } from "../serving/health.ts";
import type { Clock } from "../site/clock.ts";
import { longestTimeout } from "../site/config/app.ts";
import { EverspotError } from "../site/errors.ts";
import { FORWARD_PORT } from "../site/names.ts";
import { poll } from "../site/poll.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import { paths } from "../system/paths.ts";
import type { Units } from "../system/units.ts";
import { renderForward } from "./forward-config.ts";
import { type Holding, passOn } from "./hold.ts";

export interface ForwardMachine {
  units: Units;
  clock: Clock;
  config: Pick<BootConfig, "domain" | "app" | "state">;
}

/** Its name must not begin with everspot-: systemd adds the app's sandbox to every unit of that prefix. */
const UNIT = "nginx-forward.service";
/** Seconds the new owner gets to answer over the private network before it counts as unreachable. */
const REACH_SECONDS = 10;

/**
 * From here on every request that comes to this machine is answered by the new owner (DESIGN §9): a second nginx
 * passes them on, and the first sees the marker file at each request, so that neither is reloaded under load.
 * Running requests are not touched. Safe to repeat, even with another owner. With state, nothing is ever answered by
 * the app of this machine again: what it has is not the site any more.
 * @param to private IPv4 address of the new owner.
 * @throws EverspotError (retry) when the new owner does not answer over the private network; this machine then goes
 * on as before.
 */
export async function startForwarding(
  machine: ForwardMachine,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const { units, config } = machine;
  await answers({ host: to, port: FORWARD_PORT }, `${to}:${FORWARD_PORT}`, config, signal);
  if (config.state !== undefined) {
    await passOn(holdingOf(machine), { address: to, port: FORWARD_PORT }, signal);
    return answers(paths.forwardSocket, "the forwarder", config, signal);
  }
  const text = renderForward({
    socket: paths.forwardSocket,
    pid: paths.forwardPid,
    log: paths.forwardLog,
    to: { address: to, port: FORWARD_PORT },
    app: paths.socket,
    ...servedBy(config),
  });
  const { active } = await units.state(UNIT);
  if ((await readIfThere(paths.forwardConfig)) !== text || active !== "active") {
    await writeAtomic(paths.forwardConfig, text, 0o644);
    if (active === "active") await units.reload(UNIT);
    else {
      await units.reset(UNIT);
      await units.start(UNIT, 30, signal);
    }
  }
  await answers(paths.forwardSocket, "the forwarder", config, signal);
  await writeFile(paths.forwarding, "");
}

/** This machine answers its requests itself again. Safe to repeat. */
export async function stopForwarding(units: Units): Promise<void> {
  await rm(paths.forwarding, { force: true });
  if ((await units.state(UNIT)).active === "inactive") return;
  await units.stop(UNIT, 60);
}

/** How a site with state holds requests on this machine, and lets them go. */
export const holdingOf = ({ units, clock, config }: ForwardMachine): Holding => ({
  ...{ units, clock, places: paths },
  ...servedBy(config),
});

const servedBy = ({ app }: ForwardMachine["config"]): Pick<Holding, "timeout" | "live"> => ({
  timeout: longestTimeout(app),
  live: app.asgi !== undefined,
});

async function answers(
  where: string | { host: string; port: number },
  name: string,
  { domain, app }: ForwardMachine["config"],
  signal?: AbortSignal,
): Promise<void> {
  try {
    await poll(
      `${app.health} through ${name}`,
      async () => {
        const { ok, seen } = await askHealth(where, app.health, domain, 5_000, signal);
        return ok ? { done: true } : { waiting: seen };
      },
      { seconds: REACH_SECONDS, everySeconds: 0.2, signal },
    );
  } catch (cause) {
    signal?.throwIfAborted();
    throw new EverspotError("the new owner cannot be reached for forwarding", {
      resource: name,
      hint: `the site's security group must let its members reach each other on port ${FORWARD_PORT}; run \`everspot up\``,
      retry: "retry",
      cause,
    });
  }
}
