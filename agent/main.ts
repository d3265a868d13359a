/** The agent's entry point: `run` on the instance, `duty` once it has booted; `certbot-hook auth|cleanup` for certbot. */
import { type Logger, pino } from "pino";
import { afterwards } from "./boot/after-boot.ts";
import { type Booted, boot } from "./boot/boot.ts";
import { type Legacy, leave, takeOver } from "./boot/resume.ts";
import { certbotHook } from "./certificate/hook.ts";
import { isOrdering } from "./certificate/order.ts";
import { type Agent, composeAgent, composeZone } from "./compose.ts";
import { onDuty } from "./duty/on-duty.ts";
import { EverspotError, messageOf } from "./site/errors.ts";
import { beginAfresh, bootLean, dutyLean, stayLean } from "./system/memory.ts";
import { paths } from "./system/paths.ts";

const log = pino({ base: null, timestamp: false, formatters: { level: (level) => ({ level }) } });

/** Seconds the last record may take when the agent is told to stop. */
const FLUSH_SECONDS = 3;

async function run(signal: AbortSignal, legacy?: Legacy): Promise<void> {
  if (legacy === undefined) bootLean();
  else dutyLean();
  const agent = await composeAgent(log, process.env);
  const { machine, recorder } = agent;
  try {
    const booted = legacy === undefined ? await boot(machine, recorder, log, signal) : resume(agent, legacy);
    if (legacy === undefined && nothingUnderWay(agent, booted)) await goOnAfresh(agent, booted, signal);
    const settled = () => recorder.change({ settled: new Date(machine.clock.now()).toISOString() });
    const settling = afterwards(machine, booted, log, signal, settled).then(() =>
      stayLean(machine.clock, signal),
    );
    await Promise.all([settling, onDuty(agent, booted, log, signal)]);
    signal.throwIfAborted();
  } finally {
    await recorder.flush(FLUSH_SECONDS);
    recorder.close();
  }
}

/** Whether a process that begins now would miss nothing of what this one does. */
const nothingUnderWay = (agent: Agent, { attempt, identity }: Booted): boolean =>
  attempt === 1 && !isOrdering(agent.certificates(identity));

/** Does not return, except for a boot without a record. */
async function goOnAfresh({ machine, recorder }: Agent, booted: Booted, signal: AbortSignal): Promise<void> {
  await recorder.flush(FLUSH_SECONDS);
  const record = recorder.value;
  if (record === undefined) return;
  const packages = machine.packages(booted.identity).memory;
  await leave(paths.booted, { booted, record, packages });
  signal.throwIfAborted();
  beginAfresh("duty");
}

function resume({ machine, recorder }: Agent, { booted, record, packages }: Legacy): Booted {
  recorder.resume(record);
  machine.packages(booted.identity).resume(packages);
  // Of the process that booted, too (getrusage(2)).
  log.info({ peakKB: process.resourceUsage().maxRSS }, "on duty");
  return booted;
}

async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort(new Error(name)));
  const [command, action] = args;
  try {
    if (command === "run" || command === "duty") {
      await run(stop.signal, command === "duty" ? await takeOver(paths.booted) : undefined);
      return 0;
    }
    if (command === "certbot-hook" && (action === "auth" || action === "cleanup")) {
      await certbotHook(action, process.env, await composeZone(process.env));
      return 0;
    }
    process.stderr.write("usage: agent.mjs run | certbot-hook auth | certbot-hook cleanup\n");
    return 2;
  } catch (error) {
    if (stop.signal.aborted) {
      log.info(`stopped by ${messageOf(stop.signal.reason)}`);
      return 0;
    }
    report(log, error);
    return error instanceof EverspotError ? error.exitCode : 70;
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

process.exit(await main(process.argv.slice(2)));
