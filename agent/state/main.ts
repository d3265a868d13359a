/**
 * The entry point of what keeps a site's state: `take-over` once, then `ship` for as long as the site is served.
 * `go-back` takes the log again for the instance that has sealed it: `{"rewound": true}` says that it may go on with what
 * it has, false that it must take over like anybody else. `undo` takes back what was written since a mark. `restore` brings
 * what is in the bucket into a folder and takes nothing; `drill` looks through it there, too. Each of them prints one line of JSON; `{"fenced": 7}` when a later owner was met.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as z from "zod/mini";
import { systemClock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { expectOwner } from "../site/s3-client.ts";
import type { StateBucket, UploadBucket } from "../site/state/bucket.ts";
import { Fenced } from "../site/state/errors.ts";
import { restore } from "../site/state/restore.ts";
import { createStateClient, s3StateBucket } from "../site/state/s3-bucket.ts";
import { TakeOverAgain } from "./attached.ts";
import { serveControl } from "./control.ts";
import { handedDown } from "./credentials.ts";
import { assertSqlite } from "./database.ts";
import type { Writer } from "./log/fence-ahead.ts";
import { keepUploads } from "./media/keep.ts";
import { drill } from "./proof/drill.ts";
import { returnTo, undo } from "./return-to.ts";
import { Shipper } from "./shipper.ts";
import { takeOver } from "./take-over.ts";

/** Another owner has the log. */
const FENCED = 3;

const settings = z.strictObject({
  bucket: z.string(),
  /** The account that the bucket must belong to. */
  account: z.optional(z.string()),
  /** A file with those of the instance's role; undefined: the standard AWS configuration has some. */
  credentials: z.optional(z.string()),
  epoch: z.int().check(z.positive()),
  instance: z.string(),
  folder: z.string(),
  databases: z.array(z.string()).check(z.minLength(1)),
  keeps: z.string(),
  lease: z.string(),
  control: z.string(),
  /** The folder of uploads, and the socket at which those are asked for whose content is not here yet. */
  media: z.optional(z.strictObject({ folder: z.string(), socket: z.string() })),
  durability: z.enum(["fast", "s3"]),
  /** Dollars a month. */
  budget: z.number().check(z.positive()),
  /** Seconds. */
  history: z.number().check(z.nonnegative()),
  /** A folder with a copy of the databases, as `restore` has brought it and others may have changed it. */
  like: z.optional(z.string()),
  /** The mark that `undo` goes back to. */
  mark: z.optional(z.strictObject({ seq: z.int(), hash: z.string(), epoch: z.int(), at: z.string() })),
});

type Settings = z.infer<typeof settings>;

/** Milliseconds in which a shipper that is asked to end still ships what is committed. */
const LAST_WORDS = 5_000;

const asked = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => asked.abort(new Error(name)));

const say = (message: string) => process.stderr.write(`${message}\n`);
const print = (done: object) => process.stdout.write(`${JSON.stringify(done)}\n`);

async function main([command, file]: readonly string[]): Promise<number> {
  if (
    !["take-over", "ship", "go-back", "undo", "restore", "drill"].includes(command ?? "") ||
    file === undefined
  ) {
    say("usage: state take-over|ship|go-back|undo|restore|drill SETTINGS.json");
    return 2;
  }
  assertSqlite();
  const given = readSettings(file);
  const { account, credentials } = given;
  const client = createStateClient(credentials === undefined ? {} : { credentials: handedDown(credentials) });
  if (account !== undefined) expectOwner(client, account);
  const bucket = s3StateBucket(client, given.bucket);
  const me = { epoch: given.epoch, instance: given.instance, run: randomBytes(8).toString("hex") };
  const around = { clock: systemClock, signal: asked.signal };
  try {
    if (command === "restore") {
      const { place, files } = await restore(bucket, given.folder);
      print({ seq: place.seq, files });
    } else if (command === "drill") {
      print(await drill(bucket, given.folder));
    } else if (command === "take-over") {
      print(await takeOver(bucket, me, given, { ...around, onTrouble: (error) => say(error.message) }));
    } else if (command === "go-back") {
      print(await returnTo(bucket, me, given.keeps, around));
    } else if (command === "undo") {
      if (given.mark === undefined) throw new EverspotError(`${file}: which mark?`, { resource: file });
      print(await undo(bucket, me, given, given.mark, around));
    } else {
      await ship(bucket, me, given);
    }
    return 0;
  } finally {
    client.destroy();
  }
}

/** Ships until it is asked to end, and then what is committed by that time. */
async function ship(bucket: StateBucket & UploadBucket, me: Writer, given: Settings): Promise<void> {
  const end = new AbortController();
  const around = { clock: systemClock, signal: end.signal };
  const uploads = given.media && keepUploads({ ...given, ...around, ...given.media, bucket, say });
  const history = given.history * 1000;
  const shipper = new Shipper({ ...given, ...around, bucket, me, history, say, uploads: uploads?.start });
  const finish = () => {
    shipper.finish();
    setTimeout(() => end.abort(asked.signal.reason), LAST_WORDS).unref();
  };
  asked.signal.addEventListener("abort", finish);
  const server = await serveControl(shipper, given.control);
  try {
    await shipper.run();
  } catch (error) {
    if (!(error instanceof TakeOverAgain)) throw error;
    say(error.message);
    shipper.close();
    await takeOver(bucket, me, given, { ...around, onTrouble: ({ message }) => say(message) });
    return await ship(bucket, { ...me, run: randomBytes(8).toString("hex") }, given);
  } finally {
    asked.signal.removeEventListener("abort", finish);
    uploads?.close();
    server.close();
    server.closeAllConnections();
  }
  shipper.close();
}

function readSettings(file: string): Settings {
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
    print({ fenced: error.epoch });
    process.stderr.write(`${error.message}\n`);
    process.exit(FENCED);
  }
  if (!(error instanceof EverspotError)) throw error;
  process.stderr.write(`${error.message}\n${error.hint === undefined ? "" : `  ${error.hint}\n`}`);
  process.exit(error.exitCode);
}
