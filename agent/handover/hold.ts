import { readlink, rm, stat, writeFile } from "node:fs/promises";
import { drained } from "../serving/drain.ts";
import type { Clock } from "../site/clock.ts";
import { poll } from "../site/poll.ts";
import { pointLink, readIfThere, writeAtomic } from "../system/files.ts";
import type { Units } from "../system/units.ts";
import { type ForwardConfig, renderForward } from "./forward-config.ts";
import { holder } from "./holder.ts";

/** Its name must not begin with everspot-: systemd adds the app's sandbox to every unit of that prefix. */
export const HOLD_UNIT = "nginx-hold.service";

/** Where the pieces are; see paths.ts. */
export interface HoldPlaces {
  /** The link that nginx follows to whoever answers. */
  socket: string;
  forwardSocket: string;
  forwardConfig: string;
  /** While it exists, nginx closes the connection with each answer, and asks the forwarder even for files. */
  forwarding: string;
  holder: string;
  /** The forwarder's. */
  forwardPid: string;
  forwardLog: string;
}

export interface Holding {
  units: Units;
  clock: Clock;
  places: HoldPlaces;
  /** Seconds the app may take for an answer. */
  timeout: number;
  /** Whether it speaks ASGI. */
  live: boolean;
}

/** Seconds until the holder listens, and until nginx does in its place. */
const READY_SECONDS = 20;

/**
 * From here on requests wait, in the kernel, until `passOn` or `letGo`; those that the app has go on there. nginx is not
 * told: at each request it follows a link, also at the end of a long upload. Safe to repeat.
 */
export async function hold(holding: Holding, signal?: AbortSignal): Promise<void> {
  const { units, places, clock } = holding;
  if (await isHeld(holding)) return;
  await rm(places.forwardConfig, { force: true });
  // An nginx that forwards would go on without its file.
  await units.stop(HOLD_UNIT, 60);
  await rm(places.forwardSocket, { force: true });
  await writeAtomic(places.holder, holder, 0o644);
  await units.reset(HOLD_UNIT);
  await units.start(HOLD_UNIT, READY_SECONDS, signal);
  await poll(
    `${places.forwardSocket} of ${HOLD_UNIT}`,
    async () =>
      stat(places.forwardSocket).then(
        ({ mode }) => ((mode & 0o777) === 0o666 ? { done: true } : { waiting: "not everybody's yet" }),
        () => ({ waiting: "not there" }),
      ),
    { seconds: READY_SECONDS, everySeconds: 0.02, clock, signal },
  );
  await pointLink(places.socket, places.forwardSocket);
}

/** Whether requests wait here. */
export async function isHeld({ units, places }: Holding): Promise<boolean> {
  const link = await readlink(places.socket).catch(() => undefined);
  if (link !== places.forwardSocket || (await readIfThere(places.forwardConfig)) !== undefined) return false;
  return (await units.state(HOLD_UNIT)).active === "active";
}

/** Whether requests go to another place than the app: they wait, or are passed on. */
export async function isAway({ places }: Pick<Holding, "places">): Promise<boolean> {
  return (await readlink(places.socket).catch(() => undefined)) === places.forwardSocket;
}

/**
 * What waited goes to the new owner, and all that comes. Safe to repeat, even with another owner.
 * @param to private IPv4 address and port.
 */
export async function passOn(
  holding: Holding,
  to: { address: string; port: number },
  signal?: AbortSignal,
): Promise<void> {
  const { places } = holding;
  if (!(await isAway(holding))) await hold(holding, signal);
  await answerBy(holding, to, signal);
  await writeFile(places.forwarding, "");
}

/**
 * What waited goes to the app of this machine, and all that comes, as before; the forwarder ends once it has nothing
 * left. Nothing to do where nothing is held or forwarded.
 * @param socket of the app itself, which answers already.
 */
export async function letGo(holding: Holding, socket: string, signal?: AbortSignal): Promise<void> {
  const { units, places, clock, timeout } = holding;
  if (await isAway(holding)) await pointLink(places.socket, socket);
  await rm(places.forwarding, { force: true });
  const { active } = await units.state(HOLD_UNIT);
  if (active === "inactive" || active === "failed") return;
  await answerBy(holding, { socket }, signal);
  await drained(places.forwardSocket, { seconds: timeout, live: false }, clock);
  await units.stop(HOLD_UNIT, 60);
  await rm(places.forwardConfig, { force: true });
}

/** What is held is answered by whom the configuration names; nginx takes over a changed one without losing any. */
async function answerBy(
  { units, places, timeout, live }: Holding,
  to: ForwardConfig["to"],
  signal?: AbortSignal,
): Promise<void> {
  const text = renderForward({
    socket: places.forwardSocket,
    pid: places.forwardPid,
    log: places.forwardLog,
    ...{ to, timeout, live },
    app: undefined,
  });
  const before = await readIfThere(places.forwardConfig);
  const { active } = await units.state(HOLD_UNIT);
  if (before === text && active === "active") return;
  await writeAtomic(places.forwardConfig, text, 0o644);
  if (active !== "active") {
    await writeAtomic(places.holder, holder, 0o644);
    await units.reset(HOLD_UNIT);
    await units.start(HOLD_UNIT, READY_SECONDS, signal);
  } else if (before !== undefined) await units.reload(HOLD_UNIT);
}
