/** The agent's entry point. */
import { pino } from "pino";
import { program } from "./program/program.ts";
import { Redactor } from "./redaction/redactor.ts";
import { ownProcess } from "./system/memory.ts";

const redactor = new Redactor();
const log = pino({
  base: null,
  timestamp: false,
  formatters: { level: (level) => ({ level }) },
  hooks: { streamWrite: (line) => redactor.text(line) },
});
const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort(new Error(name)));

process.exit(
  await program(process.argv.slice(2), {
    ...{ env: process.env, log, redactor, stop: stop.signal, self: ownProcess },
    error: (text) => process.stderr.write(text),
  }),
);
