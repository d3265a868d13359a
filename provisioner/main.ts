/** The command line's entry point: puts together what the commands use of this computer. */
import { readFileSync } from "node:fs";
import { systemClock } from "../agent/site/clock.ts";
import { buildAgentArchive } from "./agent-archive.ts";
import { createReadServed } from "./certificate/served.ts";
import { interruption } from "./cli/interruption.ts";
import { run } from "./cli/program.ts";
import { createQuestions } from "./cli/questions.ts";
import { createTerminal } from "./cli/terminal.ts";
import { holderOf } from "./deploy/holder.ts";
import { packFor, publishFirstRelease } from "./first-release.ts";
import { createProbe } from "./probe.ts";
import { createPublicDns } from "./resolver.ts";

// The SDK says at every start that it will drop Node 20 one day.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

/** Beside the program's folder, in the project and in the published package. */
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

process.exitCode = await run(process.argv.slice(2), version, ({ json, yes }) => ({
  terminal: createTerminal({ json }),
  questions: createQuestions({ yes }),
  publicDns: createPublicDns(),
  probe: createProbe(),
  readServed: createReadServed(),
  clock: systemClock,
  holder: holderOf(process.env),
  interrupted: interruption,
  pack: packFor,
  agentArchive: (arch) => buildAgentArchive(arch),
  publishFirstRelease: (config, store, onProgress) =>
    publishFirstRelease(config, store, onProgress, systemClock),
}));
