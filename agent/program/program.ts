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
import type { OwnProcess } from "../system/memory.ts";
import { paths } from "../system/paths.ts";
import { composeAgent, type Places } from "./compose.ts";
import { type Connections, connect } from "./connections.ts";
import { live } from "./live.ts";

const USAGE = "usage: agent.mjs run | certbot-hook auth | certbot-hook cleanup\n";

/** Where the agent's own files are. */
type Files = Places & Record<"bootConfig" | "bootstrap" | "booted", string>;

export interface Surroundings {
  env: NodeJS.ProcessEnv;
  log: Logger;
  /** Redacts what `log` writes; learns the secrets. */
  redactor: Redactor;
  /** Ends what runs. */
  stop: AbortSignal;
  /** Prints a message for the user of a command. */
  error(text: string): void;
  self: OwnProcess;
  /** For tests; those of an instance. */
  files?: Files;
}

/** EX_SOFTWARE of sysexits.h: a fault of the program itself. */
const SOFTWARE = 70;

/**
 * `run` on the instance, `duty` for the process that goes on once it has booted; `certbot-hook auth|cleanup` for
 * certbot. @returns the exit code.
 */
export async function program(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, log, redactor, error, stop, files = paths } = surroundings;
  const [command, action] = args;
  try {
    if (command === "run" || command === "duty") {
      await run(command, surroundings, files);
      return 0;
    }
    if (command === "certbot-hook" && (action === "auth" || action === "cleanup")) {
      await certbotHook(action, env, (await connect(log, redactor, env, files.bootConfig)).zone);
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
  { env, log, redactor, stop, self }: Surroundings,
  files: Files,
): Promise<void> {
  const resumed = command === "duty" ? await takeOver(files.booted) : undefined;
  if (resumed === undefined) self.bootLean();
  else self.dutyLean();
  const connections = await connect(log, redactor, env, files.bootConfig);
  const identity = resumed?.identity ?? (await known(connections, log, stop));
  const start = await readStart(files.bootstrap, clock.now());
  const agent = await composeAgent(connections, identity, start, log, files);
  // The app runs already, and its output is reported from here on.
  if (resumed !== undefined)
    void connections.secrets.read().catch((error: unknown) => log.warn(messageOf(error)));
  // getrusage(2) counts the process that booted, too.
  if (resumed !== undefined) log.info({ peakKB: process.resourceUsage().maxRSS }, "on duty");
  const goOn = async (resume: Resume): Promise<void> => {
    await leave(files.booted, resume);
    stop.throwIfAborted();
    self.beginAfresh("duty");
  };
  await live(agent, resumed, { goOn, stayLean: self.stayLean }, log, stop);
}

async function known(
  { metadata, notify, rounds }: Connections,
  log: Logger,
  stop: AbortSignal,
): Promise<Identity> {
  const member = rounds.join("identity");
  const by = { clock: member.on(clock), notify: notify(undefined), log };
  try {
    return await identify(() => settledIdentity(metadata, originDisk), by, stop);
  } finally {
    member.leave();
  }
}

function report(to: Logger, error: unknown): void {
  if (error instanceof EverspotError) {
    const { resource, hint, lines } = error;
    to.fatal({ resource, hint, lines }, messageOf(error));
  } else {
    to.fatal({ err: error }, "unexpected error");
  }
}
