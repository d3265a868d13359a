import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { EverspotError } from "../errors.ts";
import { createS3Client, dateHeader } from "../s3-client.ts";
import { answer, s3Failure } from "../s3-failure.ts";
import type { Listed, StateBucket, UploadBucket } from "./bucket.ts";
import { mediaKey } from "./keys.ts";
import { PlainGets } from "./plain-get.ts";

/**
 * Milliseconds without a byte in either direction, after which an answer is not waited for any longer and the next try
 * takes a connection of its own: an S3 that accepts and never answers must not hold the log.
 */
export const PROGRESS_DEADLINE = 2_000;
/** What is read side by side, and a little more. */
const SOCKETS = 40;
/** How often one read is tried: a restore reads thousands of objects, and begins again where one fails. */
const READS = 3;
/** Keys in one DeleteObjects. */
const MOST_DELETED = 1_000;

/** For `s3StateBucket`: it tries a write once, for whoever writes the log decides what is tried again. */
export const createStateClient = (config: S3ClientConfig = {}, deadline = PROGRESS_DEADLINE): S3Client =>
  createS3Client({
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: deadline,
      socketTimeout: deadline,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
    ...config,
  });

/** The StateBucket contract over one bucket of S3. The client stays its maker's to configure and destroy. */
export function s3StateBucket(client: S3Client, bucket: string): StateBucket & UploadBucket {
  const failed = (verb: "read" | "write" | "list", key: string, error: unknown): Error => {
    const failure = s3Failure({ verb, bucket, key }, error);
    return failure instanceof EverspotError
      ? failure
      : // 409: another write of the same key is under way.
        new EverspotError(failure.message, {
          resource: `s3://${bucket}/${key}`,
          retry: "retry",
          cause: error,
        });
  };

  const plain = new PlainGets(client);
  const get = async (key: string): Promise<Uint8Array | undefined> => {
    for (let tries = 1; ; tries++) {
      try {
        const got = await plain.get(key);
        if (got !== "ask the SDK") return got;
        const command = new GetObjectCommand({ Bucket: bucket, Key: key });
        plain.learnFrom(command, key);
        const found = await client.send(command);
        return (await found.Body?.transformToByteArray()) ?? new Uint8Array();
      } catch (error) {
        if (answer(error).name === "NoSuchKey") return undefined;
        const failure = failed("read", key, error);
        if (tries === READS || !(failure instanceof EverspotError) || failure.retry !== "retry")
          throw failure;
      }
    }
  };

  return {
    url: `s3://${bucket}`,
    get,

    async create(key, body) {
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, IfNoneMatch: "*" });
      const dated = keepDate(command);
      try {
        await client.send(command);
        return { won: true, date: dated() };
      } catch (error) {
        if (answer(error).status !== 412) throw failed("write", key, error);
      }
      return { won: false, found: await get(key) };
    },

    async put(key, body) {
      await client
        .send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
        .catch((error: unknown) => {
          throw failed("write", key, error);
        });
    },

    async putUpload(sha256, size, content) {
      const Key = mediaKey(sha256);
      const ChecksumSHA256 = Buffer.from(sha256, "hex").toString("base64");
      const input = { Bucket: bucket, Key, Body: content(), ContentLength: size, ChecksumSHA256 };
      const command = new PutObjectCommand(input);
      signContent(command, sha256);
      await client.send(command).catch((error: unknown) => {
        throw failed("write", Key, error);
      });
    },

    async getUpload(sha256) {
      const Key = mediaKey(sha256);
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
        return (Body as AsyncIterable<Uint8Array> | undefined) ?? chunksOf();
      } catch (error) {
        if (answer(error).name === "NoSuchKey") return undefined;
        throw failed("read", Key, error);
      }
    },

    async list(prefix, after) {
      const objects: Listed[] = [];
      for (let token: string | undefined; ; ) {
        const command = new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          ...(token === undefined
            ? after !== undefined && { StartAfter: after }
            : { ContinuationToken: token }),
        });
        const dated = keepDate(command);
        const page = await client.send(command).catch((error: unknown) => {
          throw failed("list", prefix, error);
        });
        for (const { Key, Size, LastModified } of page.Contents ?? []) {
          objects.push({ key: Key ?? "", size: Size ?? 0, modified: LastModified ?? new Date(0) });
        }
        token = page.NextContinuationToken;
        if (token === undefined) return { objects, date: dated() };
      }
    },

    async remove(keys) {
      for (let from = 0; from < keys.length; from += MOST_DELETED) {
        const some = keys.slice(from, from + MOST_DELETED);
        const Objects = some.map((Key) => ({ Key }));
        const done = await client
          .send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }))
          .catch((error: unknown) => {
            throw failed("write", some[0] ?? "", error);
          });
        const refused = done.Errors?.[0];
        if (refused === undefined) continue;
        throw new EverspotError(
          `could not delete s3://${bucket}/${refused.Key ?? ""}: ${refused.Message ?? ""}`,
          {
            resource: `s3://${bucket}/${refused.Key ?? ""}`,
            retry: "retry",
          },
        );
      }
    },
  };
}

/** S3's clock as the answer has it, ISO 8601; this machine's for an answer without one. */
function keepDate(command: { middlewareStack: unknown }): () => string {
  const header = dateHeader(command);
  return () => {
    const date = new Date(header() ?? Date.now());
    return (Number.isNaN(date.getTime()) ? new Date() : date).toISOString();
  };
}

async function* chunksOf(): AsyncGenerator<Uint8Array> {}

/** The signature covers the content, whose hash is known: of a stream the SDK would leave it out. */
function signContent(command: PutObjectCommand, sha256: string): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string> };
      request.headers["x-amz-content-sha256"] = sha256;
      return next(args);
    },
    { step: "build", name: "signContent" },
  );
}
