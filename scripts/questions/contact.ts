import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { Command } from "commander";
import { systemClock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { fail } from "../../provisioner/operator/fail.ts";
import { ANSWERS_FILE } from "../../test/cloud/answers.ts";
import { COST, consent, MINUTES } from "./consent.ts";
import { questions } from "./index.ts";
import { askAll } from "./run.ts";
import { openClients, TAG } from "./scene.ts";
import { tidy, whatIsThere } from "./tidy.ts";

interface Options {
  yesAws?: string;
  region: string;
  out: string;
  clean: boolean;
  json: boolean;
}

/** What it has of the computer. */
export interface Around {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** Aborted by Ctrl-C. Asked for once something may have to be removed. */
  interruption: () => AbortSignal;
}

/** The program. @param words without Node's own. @returns the exit code. */
export async function contact(words: readonly string[], around: Around): Promise<number> {
  const program = new Command("scripts/contact")
    .description(
      `Asks AWS what its documentation leaves open, with things of its own that all carry the tag ${TAG}, and removes them. At most ${MINUTES} minutes and $${COST.toFixed(2)}.`,
    )
    .option(
      "--yes-aws <account>",
      "the account's number, once you have read what it does there and what it costs",
    )
    .option("--region <name>", "where to ask", process.env.AWS_REGION ?? "us-east-1")
    .option("--out <file>", "where the answers are kept", ANSWERS_FILE)
    .option("--clean", "ask nothing; only remove what an earlier run left", false)
    .option("--json", "end with one JSON document on stdout", false)
    .addHelpText(
      "after",
      `\nQuestions:\n${questions.map((q) => `  ${q.id.padEnd(20)} ${q.asks}`).join("\n")}`,
    );
  const options = program.parse(words, { from: "user" }).opts<Options>();
  try {
    return await ask(options, around);
  } catch (error) {
    const known =
      error instanceof Error && "$metadata" in error
        ? new EverspotError(`AWS answered: ${error.message} (${error.name})`, { cause: error })
        : error;
    return fail(known, { json: options.json, stderr: around.stderr });
  }
}

async function ask(
  { yesAws, region, out, clean, json }: Options,
  { stdout, stderr, interruption }: Around,
): Promise<number> {
  const say = (text: string): void => void stderr.write(`${text}\n`);
  const began = systemClock.now();
  const clients = openClients(region);
  try {
    const { Account: account = "", Arn: arn = "" } = await clients.sts.send(new GetCallerIdentityCommand({}));
    consent(process.env.AWS_ENDPOINT_URL, { account, arn }, yesAws);
    const given = { clients, region, account, clock: systemClock, signal: interruption() };
    const report = clean
      ? { asked: [], found: await whatIsThere(given), left: await tidy(given, say) }
      : await askAll(given, out, say);
    const seconds = Math.round((systemClock.now() - began) / 1000);
    if (json)
      stdout.write(`${JSON.stringify({ command: "contact", region, ...report, seconds }, null, 2)}\n`);
    say(
      report.left.length === 0
        ? `nothing is left but AWS's own roles for fleets and spot instances (${seconds} s)`
        : `still there:\n${report.left.map((one) => `  ${one}`).join("\n")}`,
    );
    if (!clean) say(`the answers are in ${out}`);
    return report.left.length === 0 ? 0 : 1;
  } finally {
    clients.close();
  }
}
