import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { callLimits } from "./call-limits.ts";
import { type Clock, systemClock } from "./clock.ts";
import { EverspotError, messageOf } from "./errors.ts";
import { omitUndefined } from "./omit-undefined.ts";
import { dateHeader } from "./s3-client.ts";
import { answer, isTransient, s3Failure } from "./s3-failure.ts";
import type { Condition, ObjectStore } from "./store.ts";

/** Bytes of one PUT. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_PUT = 5 * 1024 ** 3;
/** The SDK tries again by itself, but not once a stream has begun. */
const STREAM_ATTEMPTS = 3;

/** For calls without a body: the head of the answer is there soon, however long its body takes. */
const SHORT = { requestTimeout: callLimits.requestTimeout };

/** The ObjectStore contract over one bucket of S3. The client stays its maker's to configure and destroy. */
export function createS3Store(client: S3Client, bucket: string, clock: Clock = systemClock): ObjectStore {
  const failure = (verb: "read" | "write" | "list", key: string, error: unknown): Error =>
    error instanceof EverspotError ? error : s3Failure({ verb, bucket, key }, error);

  /** Undefined for a missing key; `use` reads the body, and runs again with a new answer if that breaks off. */
  const read = async <T>(key: string, use: (found: GetObjectCommandOutput, date: Date) => Promise<T>) => {
    for (let attempt = 1; ; attempt++) {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key });
      const date = serverDate(command);
      let found: GetObjectCommandOutput;
      try {
        found = await client.send(command, SHORT);
      } catch (error) {
        if (answer(error).name === "NoSuchKey") return undefined;
        throw failure("read", key, error);
      }
      try {
        return await use(found, date());
      } catch (error) {
        if (error instanceof EverspotError || attempt === STREAM_ATTEMPTS) throw failure("read", key, error);
        await clock.sleep(500 * attempt);
      }
    }
  };

  const put = async (
    key: string,
    body: NonNullable<PutObjectCommandInput["Body"]>,
    more: Partial<PutObjectCommandInput>,
    abortSignal?: AbortSignal,
  ) => {
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...more });
    const date = serverDate(command);
    const { ETag } = await client.send(command, omitUndefined({ abortSignal }));
    return { etag: ETag ?? "", date: date() };
  };

  return {
    url: `s3://${bucket}`,

    get: (key) =>
      read(key, async (found, date) => ({
        body: (await found.Body?.transformToByteArray()) ?? new Uint8Array(),
        etag: found.ETag ?? "",
        date,
      })),

    async head(key) {
      try {
        const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), SHORT);
        return {
          etag: found.ETag ?? "",
          size: found.ContentLength ?? 0,
          modified: found.LastModified ?? new Date(0),
        };
      } catch (error) {
        if (answer(error).status === 404) return undefined;
        throw failure("read", key, error);
      }
    },

    put: (key, body, condition, kmsKey) =>
      put(key, body, { ...headers(condition), ...encryption(kmsKey) }).catch((error: unknown) => {
        throw failure("write", key, error);
      }),

    async list(prefix) {
      const found: { key: string; size: number; modified: Date }[] = [];
      let token: string | undefined;
      do {
        const page = await client
          .send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix,
              ...(token && { ContinuationToken: token }),
            }),
            SHORT,
          )
          .catch((error: unknown) => {
            throw failure("list", prefix, error);
          });
        for (const { Key, Size, LastModified } of page.Contents ?? []) {
          found.push({ key: Key ?? "", size: Size ?? 0, modified: LastModified ?? new Date(0) });
        }
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return found;
    },

    download: (key, file) => read(key, (found) => writeFile(found.Body as Readable, file)),

    async upload(key, file, condition, encoding) {
      const { size } = await stat(file).catch((error: unknown) => {
        throw diskFailure("read", file, error);
      });
      if (size > LARGEST_PUT) {
        throw new EverspotError(`${file} is larger than the 5 GB S3 takes at once`, {
          resource: `s3://${bucket}/${key}`,
        });
      }
      for (let attempt = 1; ; attempt++) {
        const source = readFile(file);
        try {
          const about = { ContentLength: size, ...(encoding && { ContentEncoding: encoding }) };
          await put(key, source.body, { ...about, ...headers(condition) }, source.broken);
          return;
        } catch (error) {
          if (source.broken.aborted) throw diskFailure("read", file, source.broken.reason);
          if (!isTransient(error) || attempt === STREAM_ATTEMPTS) throw failure("write", key, error);
          await clock.sleep(500 * attempt);
        } finally {
          source.body.destroy();
        }
      }
    },
  };
}

/**
 * A file as a stream that never fails: the SDK leaves the error of a body unhandled and waits forever. Instead
 * `broken` aborts, and the body stays unfinished so that no half object can be taken for a whole one.
 */
function readFile(file: string): { body: Readable; broken: AbortSignal } {
  const controller = new AbortController();
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      yield* createReadStream(file) as AsyncIterable<Buffer>;
    } catch (error) {
      controller.abort(error);
      await new Promise(() => {});
    }
  }
  return { body: Readable.from(chunks(), { objectMode: false }), broken: controller.signal };
}

function headers(condition: Condition | undefined): Partial<PutObjectCommandInput> {
  if (condition === undefined) return {};
  return "ifMatch" in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: condition.ifNoneMatch };
}

const encryption = (kmsKey: string | undefined): Partial<PutObjectCommandInput> =>
  kmsKey === undefined ? {} : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: kmsKey };

/** S3's clock. To be called once the command was sent. */
function serverDate(command: { middlewareStack: unknown }): () => Date {
  const answered = dateHeader(command);
  return () => {
    const header = answered();
    const date = new Date(header ?? "");
    if (Number.isNaN(date.getTime()))
      throw new EverspotError(`S3 answered with the date ${header ?? "missing"}`);
    return date;
  };
}

/** Complete or not at all: written beside the file, 0600, and renamed. */
async function writeFile(body: Readable, file: string): Promise<{ sha256: string; size: number }> {
  const part = `${file}.${randomUUID()}.part`;
  const hash = createHash("sha256");
  let size = 0;
  try {
    await pipeline(
      body,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          size += chunk.byteLength;
          yield chunk;
        }
      },
      createWriteStream(part, { mode: 0o600, flags: "wx" }),
    );
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw isDiskError(error) ? diskFailure("write", file, error) : error;
  }
  return { sha256: hash.digest("hex"), size };
}

/** This machine's own trouble, which asking S3 again cannot mend; socket errors have other codes. */
const DISK_ERRORS = new Set([
  "EACCES",
  "EDQUOT",
  "EEXIST",
  "EIO",
  "EISDIR",
  "ENOENT",
  "ENOSPC",
  "ENOTDIR",
  "EROFS",
]);

const isDiskError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && DISK_ERRORS.has(String(error.code));

const diskFailure = (verb: "read" | "write", file: string, cause: unknown): EverspotError =>
  new EverspotError(`could not ${verb} ${file}: ${messageOf(cause)}`, {
    resource: file,
    hint: "check that the folder exists, may be used and has room",
    cause,
  });
