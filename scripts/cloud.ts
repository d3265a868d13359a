/** scripts/cloud: the local AWS with real instances, to use by hand or under a command. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { Command, InvalidArgumentError } from "commander";
import { execa } from "execa";
import { EverspotError, messageOf } from "../agent/site/errors.ts";
import { type RealCloud, startRealCloud } from "../test/cloud/real.ts";
import { enterSandbox } from "../test/cloud/sandbox/enter.ts";
import { enterCommand, requireSandbox, sandboxVariable } from "../test/cloud/sandbox/sandbox.ts";

interface Options {
  zone: string;
  pending: number;
}

const program = new Command("scripts/cloud")
  .description(
    "Starts the local AWS with real Debian instances, DNS and a certificate authority, in a sandbox of its own. " +
      "Without a command it runs until Ctrl-C and says how to get in. It leaves nothing behind.",
  )
  .argument("[command...]", "runs with the environment set; ends with its exit code (put -- before it)")
  .option("--zone <name>", "hosted zone that is there from the start", "example.com")
  .option("--pending <seconds>", "how long an instance stays pending; AWS needs about 18", seconds, 2)
  .passThroughOptions();

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError("not a number of seconds");
  return value;
}

async function main(): Promise<number> {
  program.parse();
  if (process.env[sandboxVariable] === undefined) {
    return enterSandbox([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  }
  const { zone, pending } = program.opts<Options>();
  const cloud = await startRealCloud({ say: showProgress, delays: { pending: pending * 1000 } });
  try {
    const route53 = new Route53Client({ endpoint: cloud.endpoint, region: cloud.region });
    await route53.send(new CreateHostedZoneCommand({ Name: zone, CallerReference: zone }));
    return program.args.length > 0 ? await runCommand(cloud, program.args) : await stay(cloud, zone);
  } finally {
    await cloud.close();
  }
}

/** One line that is written over, at a terminal; elsewhere nothing, for it is one line a second. */
function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

async function runCommand(cloud: RealCloud, [command = "", ...args]: readonly string[]): Promise<number> {
  const result = await execa(command, args, { stdio: "inherit", env: cloud.env, reject: false });
  if (result.code === "ENOENT") console.error(`scripts/cloud: there is no command ${command}`);
  return result.exitCode ?? (result.code === "ENOENT" ? 127 : 128);
}

async function stay(cloud: RealCloud, zone: string): Promise<number> {
  const sandbox = requireSandbox();
  const exports = Object.entries(cloud.env).map(([name, value]) => `export ${name}='${value}'`);
  const file = path.join(sandbox.directory, "environment");
  await writeFile(file, `${exports.join("\n")}\n`);
  console.log(`The local AWS runs at ${cloud.endpoint}, in a sandbox that has nothing but loopback.
Hosted zone: ${zone}   DNS: 127.0.0.1:53   ACME directory: ${cloud.pebble.directory}

To get in, as root in another terminal:
  ${enterCommand(sandbox).join(" ")} bash --init-file ${file}

Its environment (${file}):
${exports.join("\n")}

Ctrl-C stops it.`);
  await new Promise((resolve) =>
    process.once("SIGINT", resolve).once("SIGTERM", resolve).once("SIGHUP", resolve),
  );
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof EverspotError)) throw error;
  console.error(`scripts/cloud: ${messageOf(error)}`);
  for (const line of error.lines) console.error(`  | ${line}`);
  if (error.hint !== undefined) console.error(`  ${error.hint}`);
  process.exitCode = error.exitCode;
}
