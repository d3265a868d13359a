/** Ships the journal of a machine until it is killed. Arguments: the file of its cursor, then the program of the journal. */
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { createLogSink } from "../../../agent/aws/logs.ts";
import { journalTail } from "../../../agent/logs/journal.ts";
import { keptIn } from "../../../agent/logs/kept.ts";
import { Shipper } from "../../../agent/logs/shipper.ts";
import { systemClock } from "../../../agent/site/clock.ts";

const [file = "", program = "", ...args] = process.argv.slice(2);
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
await new Shipper({
  ...{ instance: "i-1", clock: systemClock, most: 1000 },
  kept: keptIn(file, "i-1"),
  tail: journalTail([program, ...args]),
  sink: createLogSink(new CloudWatchLogsClient({ maxAttempts: 1 }), "everspot-blog"),
  redact: (lines) => [...lines],
  secretsKnown: async () => {},
  tell: (text) => console.error(text),
  notify: () => {},
}).run(stop.signal);
