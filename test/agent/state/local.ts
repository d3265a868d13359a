/** The state's part of a bucket in a local S3, and who writes there. */
import type { S3Client } from "@aws-sdk/client-s3";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { StateBucket } from "../../../agent/site/state/bucket.ts";
import { BEGINNING } from "../../../agent/site/state/place.ts";
import { readLog, type Seen } from "../../../agent/site/state/read-log.ts";
import { createStateClient, s3StateBucket } from "../../../agent/site/state/s3-bucket.ts";
import type { Writer } from "../../../agent/state/log/fence-ahead.ts";
import { LogWriter } from "../../../agent/state/log/log-writer.ts";
import { takeLog } from "../../../agent/state/log/take.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

export interface LocalState extends LocalS3 {
  client: S3Client;
  bucket: StateBucket;
  /** Another bucket, empty. */
  next(): void;
}

/** @param deadline milliseconds without a byte. */
export async function startState(deadline?: number): Promise<LocalState> {
  const local = await startS3();
  const client = createStateClient({ endpoint: local.server.endpoint }, deadline);
  const state: LocalState = {
    ...local,
    client,
    bucket: s3StateBucket(client, "site"),
    next() {
      const Bucket = `site-${local.s3.buckets.size}`;
      local.s3.make(Bucket);
      state.bucket = s3StateBucket(client, Bucket);
      state.store = createS3Store(local.client, Bucket, { now: Date.now, sleep: async () => {} });
    },
    close: async () => {
      client.destroy();
      await local.close();
    },
  };
  return state;
}

/** No waiting between tries, and two numbers for a fence where nothing depends on sixteen. */
export const patience = { clock: { now: Date.now, sleep: async () => {} }, ahead: 2 };

export const writer = (epoch: number, instance = `i-${epoch}`, run = epoch): Writer => ({
  epoch,
  instance,
  run: String(run).padStart(16, "0"),
});

/** Takes the log as the owner of an epoch, and says so in it. */
export async function own(bucket: StateBucket, me: Writer, ahead = patience.ahead): Promise<LogWriter> {
  const { place } = await takeLog(
    bucket,
    me,
    async (options) => ({ place: await readLog(bucket, BEGINNING, options) }),
    { ...patience, ahead },
  );
  const log = new LogWriter(bucket, me, place, patience);
  await log.append({ kind: "open" });
  return log;
}

export async function entries(bucket: StateBucket): Promise<Seen[]> {
  const seen: Seen[] = [];
  await readLog(bucket, BEGINNING, {
    onEntry: (one) => {
      seen.push(one);
      return undefined;
    },
  });
  return seen;
}

/** How often something was taken back. */
export const rewinds = async (bucket: StateBucket): Promise<number> =>
  (await entries(bucket)).filter(({ entry, counts }) => counts && entry.header.kind === "rewind").length;

/** An entry that names one file of this name. */
export const upload = (log: LogWriter, name: string): ReturnType<LogWriter["append"]> =>
  log.append({ kind: "data", media: [{ name, sha256: "0".repeat(64), size: 1 }] });
