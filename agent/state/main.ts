/**
 * The entry point of what keeps a site's state: `take-over` once, then `ship` for as long as the site is served.
 * `go-back` takes the log again for the instance that has sealed it: `{"rewound": true}` says that it may go on with what
 * it has, false that it must take over like anybody else. `restore` brings what is in the bucket into a folder and takes nothing.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as z from "zod/mini";
import { systemClock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { Fenced } from "../site/state/errors.ts";
import { restore } from "../site/state/restore.ts";
import { createStateClient, s3StateBucket } from "../site/state/s3-bucket.ts";
import { serveControl } from "./control.ts";
import { assertSqlite } from "./database.ts";
import { returnTo } from "./return-to.ts";
import { Shipper } from "./shipper.ts";
import { takeOver } from "./take-over.ts";

/** Another owner has the log. */
const FENCED = 3;

const settings = z.strictObject({
  bucket: z.string(),
  epoch: z.int().check(z.positive()),
  instance: z.string(),
  folder: z.string(),
  databases: z.array(z.string()).check(z.minLength(1)),
  keeps: z.string(),
  lease: z.string(),
  control: z.string(),
  durability: z.enum(["fast", "s3"]),
  /** Dollars a month. */
  budget: z.number().check(z.positive()),
  /** Seconds. */
  history: z.number().check(z.nonnegative()),
});

const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort(new Error(name)));

async function main([command, file]: readonly string[]): Promise<number> {
  if (!["take-over", "ship", "go-back", "restore"].includes(command ?? "") || file === undefined) {
    process.stderr.write("usage: state take-over|ship|go-back|restore SETTINGS.json\n");
    return 2;
  }
  assertSqlite();
  const given = readSettings(file);
  const client = createStateClient();
  const bucket = s3StateBucket(client, given.bucket);
  const me = { epoch: given.epoch, instance: given.instance, run: randomBytes(8).toString("hex") };
  const say = (message: string) => process.stderr.write(`${message}\n`);
  const around = { clock: systemClock, signal: stop.signal };
  if (command === "restore") {
    const { place, files } = await restore(bucket, given.folder);
    process.stdout.write(`${JSON.stringify({ seq: place.seq, files })}\n`);
    client.destroy();
    return 0;
  }
  if (command === "take-over") {
    const done = await takeOver(bucket, me, given, { ...around, onTrouble: (error) => say(error.message) });
    process.stdout.write(`${JSON.stringify(done)}\n`);
    client.destroy();
    return 0;
  }
  if (command === "go-back") {
    const done = await returnTo(bucket, me, given.keeps, around);
    process.stdout.write(`${JSON.stringify(done)}\n`);
    client.destroy();
    return 0;
  }
  const history = given.history * 1000;
  const shipper = new Shipper({ ...given, ...around, bucket, me, history, say });
  const server = await serveControl(shipper, given.control);
  await shipper.run();
  server.close();
  server.closeAllConnections();
  shipper.close();
  client.destroy();
  return 0;
}

function readSettings(file: string): z.infer<typeof settings> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new EverspotError(`could not read ${file}: ${messageOf(cause)}`, { resource: file, cause });
  }
  const parsed = z.safeParse(settings, json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EverspotError(`${file}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`, {
    resource: file,
  });
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  if (error instanceof Fenced) {
    process.stderr.write(`${error.message}\n`);
    process.exit(FENCED);
  }
  if (!(error instanceof EverspotError)) throw error;
  process.stderr.write(`${error.message}\n${error.hint === undefined ? "" : `  ${error.hint}\n`}`);
  process.exit(error.exitCode);
}
