import { EverspotError, messageOf, USAGE } from "../../agent/site/errors.ts";
import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { collect } from "../operator/collect.ts";
import { askForSuperuser, asksForPassword } from "../operator/superuser.ts";
import type { Tools } from "../operator/tools.ts";
import { Asked, type Wanted, whoRuns } from "../runs/ask.ts";
import { type Followed, follow } from "../runs/follow.ts";
import { readInput, sendInput } from "../runs/input.ts";

export interface RunOptions {
  /** `jobs run`: the one word is the job's name. */
  command: "run" | "manage" | "shell" | "jobs run";
  words: readonly string[];
  json: boolean;
  /** Seconds. */
  timeout: number;
  /** MB; undefined: the instance decides. */
  memory?: number | undefined;
}

/** Bytes of all words: they are in one document, and a program takes little more. */
const LONGEST = 64 * 1024;
/** Milliseconds after which what a command left in the Parameter Store is taken for forgotten. */
const FORGOTTEN_MS = 600_000;

/**
 * `everspot run -- CMD`, `everspot manage ARGS` and `everspot shell`: a command on the instance that owns the site, once,
 * as the app's user and with all that the app finds around it. @returns its exit code.
 */
export async function runRun(config: SiteConfig, tools: Tools, options: RunOptions): Promise<number> {
  const { stdio, clock, terminal } = tools;
  check(options);
  const wanted = await prepare(options, tools);
  const aws = await connect(config, clock);
  let asked: Asked | undefined;
  try {
    const { instance, date } = await whoRuns(aws);
    const interrupted = tools.interrupted();
    const [over, gone] = [new AbortController(), new AbortController()];
    const output = collect(stdio, { json: options.json, onGone: () => gone.abort() });
    asked = await Asked.begin(aws, wanted, { by: tools.holder, date, clock });
    const { id, cancel } = asked;
    let taken = 0;
    if (wanted.input === undefined) {
      const how = { taken: () => taken, clock, over: over.signal };
      const ready = options.command === "shell" ? output.prompted : Promise.resolve();
      const sender = asked;
      ready
        .then(() => sendInput(stdio.input, sender, how))
        .catch((error: unknown) => {
          if (!over.signal.aborted) terminal.warn(`what it reads cannot be sent: ${messageOf(error)}`);
        });
    }
    const followed = await follow(id, {
      ...{ store: aws.store, clock, onOutput: output.take },
      alive: async (one) => (await aws.instances.look(one)).some((i) => i.id === one && i.alive),
      onState: (state) => {
        taken = state.taken;
      },
      onWaiting: () => terminal.say(`  ${instance} has not taken the command up yet`),
      cancel: async () => {
        if (interrupted.aborted) terminal.say("  cancelling the command: it has 10 s to end");
        await cancel();
      },
      signal: AbortSignal.any([interrupted, gone.signal]),
    }).finally(() => {
      over.abort();
      stdio.done();
    });
    terminal.json({ ...documentOf(config, options, id, followed), ...output.text() });
    return outcome(followed, options, tools, gone.signal.aborted);
  } finally {
    if (Object.keys(wanted.secrets).length > 0) await forget(aws, tools, asked?.id);
    aws.close();
  }
}

function check({ command, words }: RunOptions): void {
  if (words.length === 0 && command !== "shell") {
    throw new EverspotError(
      `${command} needs ${command === "run" ? "a command" : "arguments of manage.py"}`,
      {
        hint:
          command === "run"
            ? "such as `everspot run -- python3 --version`"
            : "such as `everspot manage migrate`",
        exitCode: USAGE,
      },
    );
  }
  const size = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  if (size > LONGEST) {
    throw new EverspotError(`the command has ${size} bytes, and may have at most ${LONGEST}`, {
      hint: "pass long input on stdin",
      exitCode: USAGE,
    });
  }
  if (words.some((word) => word.includes("\0"))) {
    throw new EverspotError("an argument of the command has a NUL in it", { exitCode: USAGE });
  }
}

async function prepare({ command, words, timeout, memory }: RunOptions, tools: Tools): Promise<Wanted> {
  const { stdio, questions, clock } = tools;
  const given = { words: [...words], environment: {}, secrets: {}, timeout, memory };
  if (command === "run") return { ...given, kind: "program", input: undefined };
  if (command === "jobs run") {
    const [name = ""] = words;
    return { ...given, kind: "job", environment: { EVERSPOT_JOB: name }, input: [] };
  }
  if (command === "manage" && asksForPassword(words)) {
    const asked = await askForSuperuser(words, questions, stdio.typed);
    return { ...given, ...asked, kind: "manage", input: [] };
  }
  if (command === "manage") return { ...given, kind: "manage", input: undefined };
  // Django runs what is there from the beginning as one program, and what is typed later line by line.
  const interactive = stdio.typed ? ["--interface", "python"] : [];
  const shell = words.length > 0 ? words : interactive;
  const input = stdio.typed ? undefined : await readInput(stdio.input, clock);
  return { ...given, kind: "manage", words: ["shell", ...shell], input };
}

const documentOf = (config: SiteConfig, { command }: RunOptions, id: string, { state, end }: Followed) => ({
  ...{ command, site: config.site, run: id, instance: state?.instance, release: state?.release },
  ...{ how: end.how, exitCode: end.exitCode, seconds: end.seconds, reason: end.reason },
});

/** @returns the command's exit code. @throws EverspotError where it did not come to an end of its own. */
function outcome(
  { state, end }: Followed,
  { command, words, timeout, memory }: RunOptions,
  { terminal }: Tools,
  gone: boolean,
): number {
  const where = (option: string, key: string): string =>
    command === "jobs run"
      ? `[schedule.${words[0]}] ${key}, after \`everspot up\`,`
      : `\`everspot ${command} --${option}\``;
  const { exitCode, reason } = end;
  const because = reason === undefined ? "" : `: ${reason}`;
  const on = state === undefined ? "" : ` on ${state.instance}`;
  const failed = (message: string, hint?: string) => new EverspotError(message, { hint, exitCode });
  switch (end.how) {
    case "ended":
      if (reason !== undefined) terminal.warn(`it was asked to stop and ended by itself${because}`);
      return exitCode;
    case "cancelled":
      // As a shell reports a program that wrote into a closed pipe.
      if (gone) return 141;
      throw failed(`the command was cancelled${because}`);
    case "timeout":
      throw failed(
        `the command was ended${on} after ${timeout} s`,
        `${where("timeout SECONDS", "timeout")} gives it longer`,
      );
    case "memory":
      throw failed(
        `the command was ended${on}: it needed more memory than it may have${memory === undefined ? "" : `, ${memory} MB`}`,
        `${where("memory MB", "memory")} gives it more, as far as the instance has it; the app has the rest`,
      );
    case "interrupted":
      throw failed(
        `the command was interrupted${on}${because}`,
        "how far it got is not known, so it is not run again automatically; run it again if it may run twice",
      );
    case "refused":
      throw failed(
        `the command was not run${on}${because}`,
        state === undefined
          ? "`everspot status` shows how the instance is; one launched by an earlier everspot takes no commands: `everspot deploy` brings one that does"
          : "run it again",
      );
  }
}

/** Removes also what a command that was killed left there. */
async function forget(aws: Aws, { clock, terminal }: Tools, id: string | undefined): Promise<void> {
  try {
    for (const { name, changed } of await aws.runSecrets.list()) {
      const old = clock.now() - changed.getTime() > FORGOTTEN_MS;
      if (old || (id !== undefined && name.startsWith(`${id}.`))) await aws.runSecrets.unset(name);
    }
  } catch (error) {
    terminal.warn(
      `what was put into the Parameter Store for the command is still there: ${messageOf(error)}`,
    );
  }
}
