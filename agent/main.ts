/** The agent's entry point: `run` on the instance; `certbot-hook auth|cleanup` for certbot. */
import { type Logger, pino } from "pino";
import { boot } from "./boot/boot.ts";
import { certbotHook } from "./certificate/hook.ts";
import { composeAgent, composeZone } from "./compose.ts";
import { onDuty } from "./on-duty.ts";
import { EverspotError, messageOf } from "./site/errors.ts";
import { bootLean, stayLean } from "./system/memory.ts";

const log = pino({ base: null, timestamp: false, formatters: { level: (level) => ({ level }) } });

/** Seconds the last record may take when the agent is told to stop. */
const FLUSH_SECONDS = 3;

async function run(signal: AbortSignal): Promise<void> {
  bootLean();
  const agent = await composeAgent(log, process.env);
  try {
    const booted = await boot(agent.machine, agent.recorder, log, signal);
    const settled = booted.afterwards.then(() => stayLean(agent.machine.clock, signal));
    await Promise.all([settled, onDuty(agent, booted, log, signal)]);
    signal.throwIfAborted();
  } finally {
    await agent.recorder.flush(FLUSH_SECONDS);
    agent.recorder.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort(new Error(name)));
  const [command, action] = args;
  try {
    if (command === "run") {
      await run(stop.signal);
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
