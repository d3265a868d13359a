/** The command line's entry point: puts together what the commands use of this computer. */
import { readFileSync } from "node:fs";
import { systemClock } from "../agent/site/clock.ts";
import { buildAgentArchive } from "./archive/agent-archive.ts";
import { inPackage } from "./archive/package.ts";
import { run } from "./cli/program.ts";
import { packFor } from "./commands/pack-for.ts";
import { createBrowse } from "./operator/browser.ts";
import { holderOf } from "./operator/holder.ts";
import { interruption } from "./operator/interruption.ts";
import { createProbe } from "./operator/probe.ts";
import { createQuestions } from "./operator/questions.ts";
import { createPublicDns } from "./operator/resolver.ts";
import { createReadServed } from "./operator/served.ts";
import { createStdio, outliveReaders } from "./operator/stdio.ts";
import { createTerminal } from "./operator/terminal.ts";
import { inspect } from "./project/inspect.ts";

// The SDK says at every start that it will drop Node 20 one day.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

const { version } = JSON.parse(readFileSync(inPackage("package.json"), "utf8")) as { version: string };

outliveReaders([process.stdout, process.stderr]);

process.exitCode = await run(process.argv.slice(2), version, ({ json, yes }) => ({
  terminal: createTerminal({ json }),
  questions: createQuestions({ yes }),
  stdio: createStdio(),
  publicDns: createPublicDns(),
  probe: createProbe(),
  browse: createBrowse(),
  readServed: createReadServed(),
  clock: systemClock,
  holder: holderOf(process.env),
  interrupted: interruption,
  inspect: (config, secrets, signal, { checks } = { checks: false }) =>
    inspect(config, {
      ...{ secrets, signal, env: process.env, onProgress: () => {} },
      ...(checks && { further: [{ do: ["models", "checks"], seconds: 60 }] }),
    }),
  pack: packFor,
  agentArchive: (arch) => buildAgentArchive(arch),
}));
