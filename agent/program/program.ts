/** The commands of the agent's program, and how they end. */
import type { Logger } from "pino";
import { identify } from "../boot/identify.ts";
import { leave, type Resume, takeOver } from "../boot/resume.ts";
import { certbotHook } from "../certificate/hook.ts";
import type { Identity } from "../identity/identity.ts";
import { originDisk } from "../identity/origin.ts";
import { settledIdentity } from "../identity/settled.ts";
import { readStart } from "../record/start.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { systemClock as clock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { beginAfresh, bootLean, dutyLean } from "../system/memory.ts";
import { paths } from "../system/paths.ts";
import { type Connections, composeAgent, connect } from "./compose.ts";
import { live } from "./live.ts";

const USAGE = "usage: agent.mjs run | certbot-hook auth | certbot-hook cleanup\n";

/** Of sysexits.h: a fault of the program itself. */
const SOFTWARE = 70;

/**
 * `run` on the instance, `duty` for the process that goes on once it has booted; `certbot-hook auth|cleanup` for
 * certbot. @param redactor of what `log` writes; learns the secrets. @param stop ends what runs. @returns the exit code.
 */
export async function program(
  args: readonly string[],
  {
    env,
    log,
    redactor,
    stop,
    error,
  }: {
    env: NodeJS.ProcessEnv;
    log: Logger;
    redactor: Redactor;
    stop: AbortSignal;
    error: (text: string) => void;
  },
): Promise<number> {
  const [command, action] = args;
  try {
    if (command === "run" || command === "duty") {
      await run(command, env, log, redactor, stop);
      return 0;
    }
    if (command === "certbot-hook" && (action === "auth" || action === "cleanup")) {
      await certbotHook(action, env, (await connect(log, redactor, env)).zone);
      return 0;
    }
    error(USAGE);
    return 2;
  } catch (error) {
    if (stop.aborted) {
      log.info(`stopped by ${messageOf(stop.reason)}`);
      return 0;
    }
    report(log, error);
    return error instanceof EverspotError ? error.exitCode : SOFTWARE;
  }
}

async function run(
  command: "run" | "duty",
  env: NodeJS.ProcessEnv,
  log: Logger,
  redactor: Redactor,
  stop: AbortSignal,
) {
  const resumed = command === "duty" ? await takeOver(paths.booted) : undefined;
  if (resumed === undefined) bootLean();
  else dutyLean();
  const connections = await connect(log, redactor, env);
  const identity = resumed?.identity ?? (await known(connections, log, stop));
  const agent = await composeAgent(connections, identity, await readStart(paths.bootstrap, clock.now()), log);
  // The app runs already, and what it says is told from here on.
  if (resumed !== undefined)
    void connections.secrets.read().catch((error: unknown) => log.warn(messageOf(error)));
  // Of the process that booted, too (getrusage(2)).
  if (resumed !== undefined) log.info({ peakKB: process.resourceUsage().maxRSS }, "on duty");
  const goOnAfresh = async (resume: Resume): Promise<void> => {
    await leave(paths.booted, resume);
    stop.throwIfAborted();
    beginAfresh("duty");
  };
  await live(agent, resumed, goOnAfresh, log, stop);
}

const known = ({ metadata, notify }: Connections, log: Logger, stop: AbortSignal): Promise<Identity> =>
  identify(() => settledIdentity(metadata, originDisk), { clock, notify: notify(undefined), log }, stop);

function report(to: Logger, error: unknown): void {
  if (error instanceof EverspotError) {
    const { resource, hint, lines } = error;
    to.fatal({ resource, hint, lines }, messageOf(error));
  } else {
    to.fatal({ err: error }, "unexpected error");
  }
}
