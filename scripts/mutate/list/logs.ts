/** What the machine says: each line once in CloudWatch Logs, none unsaid, none with a secret. */
import type { Mutation } from "../mutation.ts";

const shipper = ["test/agent/logs/shipper.test.ts"];
const batches = ["test/agent/logs/batches.test.ts"];
const command = ["test/provisioner/logs/logs.test.ts"];
const site = ["test/system/logs.test.ts"];

export const logs: readonly Mutation[] = [
  {
    name: "what is sent is noted before it is sent",
    file: "agent/logs/shipper.ts",
    find: "    if (batches.length > 0) await this.#note({ sending: batches.map(sentOf) });\n",
    replace: "",
    tests: shipper,
  },
  {
    name: "where no one knows whether a call was carried out, CloudWatch Logs is asked",
    file: "agent/logs/shipper.ts",
    find: "error instanceof Unsure ? [sentOf(batch)] : []",
    replace: "[]",
    tests: shipper,
  },
  {
    name: "lines that came although no one heard of it are not sent again",
    file: "agent/logs/shipper.ts",
    find: "if (kept !== undefined && isUpTo(cursor, kept)) return [];",
    replace: "",
    tests: shipper,
  },
  {
    name: "what CloudWatch Logs does not show yet is waited for",
    file: "agent/logs/shipper.ts",
    find: "within: 10,",
    replace: "within: 0,",
    tests: shipper,
  },
  {
    name: "nothing leaves before the secrets are known",
    file: "agent/logs/shipper.ts",
    find: "        await secretsKnown();\n",
    replace: "",
    tests: shipper,
  },
  {
    name: "secrets are taken out of the log",
    file: "agent/logs/batches.ts",
    find: "const texts = redact(own.map((line) => line.text));",
    replace: "const texts = own.map((line) => line.text);",
    tests: shipper,
  },
  {
    name: "what the journal had to forget is counted",
    file: "agent/logs/cursor.ts",
    find: "return Math.max(0, b.number - a.number - 1);",
    replace: "return 0;",
    tests: shipper,
  },
  {
    name: "the agent ends although CloudWatch Logs does not answer",
    file: "agent/logs/shipper.ts",
    find: "unlessOver(sink.put(batch.stream, batch.lines), over)",
    replace: "sink.put(batch.stream, batch.lines)",
    tests: shipper,
  },
  {
    name: "a day's log has a limit",
    file: "agent/logs/brake.ts",
    find: "next.bytes + size > most * MEGABYTE",
    replace: "false",
    tests: shipper,
  },
  {
    name: "times in a stream never go back",
    file: "agent/logs/batches.ts",
    find: "const at = Math.max(last.at, Math.min(own[i]?.at ?? 0, now));",
    replace: "const at = Math.min(own[i]?.at ?? 0, now);",
    tests: batches,
  },
  {
    name: "the app cannot speak for the agent",
    file: "agent/logs/entry.ts",
    find: 'about: text("_PID") === "1" ? text("UNIT") : undefined,',
    replace: 'about: text("UNIT"),',
    tests: batches,
  },
  {
    name: "following shows each line once",
    file: "provisioner/commands/logs/read.ts",
    find: "          .filter(({ id }) => !seen.has(id))\n",
    replace: "",
    tests: command,
  },
  {
    name: "following shows what comes late",
    file: "provisioner/commands/logs/read.ts",
    find: "      from = began - LATE;\n",
    replace: "      from = began;\n",
    tests: command,
  },
  {
    name: "empty pages of CloudWatch Logs are not the end",
    file: "provisioner/aws/logs/logs.ts",
    find: "      } while (nextToken !== undefined);",
    replace: "      } while (false);",
    tests: command,
  },
  {
    name: "journald leaves out nothing of a busy app",
    file: "user-data/units/everspot-.service.d/sandbox.conf",
    find: "LogRateLimitBurst=120000\n",
    replace: "",
    tests: site,
    system: true,
  },
  {
    name: "nginx reaches the journal",
    file: "user-data/units/nginx.service.d/sandbox.conf",
    find: "-/run/systemd/journal/socket ",
    replace: "-/run/systemd/journal ",
    tests: site,
    system: true,
  },
];
