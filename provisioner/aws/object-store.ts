import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from "@aws-sdk/client-s3";
import { EverspotError } from "../../agent/site/errors.ts";
import { type Condition, ConditionFailed, type ObjectStore, WriteConflict } from "../../agent/site/store.ts";
import { explain, hasCode, named } from "./errors.ts";
import { gather } from "./network-look.ts";

/** How often an upload is tried. */
const UPLOADS = 3;

export function createObjectStore(client: S3Client, bucket: string): ObjectStore {
  const url = `s3://${bucket}`;
  const at = (key: string) => ({ Bucket: bucket, Key: key });
  const put = async (key: string, body: Uint8Array | string | Readable, more: object = {}) => {
    const command = new PutObjectCommand({ ...at(key), Body: body, ...more });
    try {
      return await dated(command, () => client.send(command));
    } catch (error) {
      throw conditional(error, `${url}/${key}`);
    }
  };
  const get = (key: string) => {
    const command = new GetObjectCommand(at(key));
    return named(`reading ${url}/${key}`, () =>
      dated(command, () => client.send(command)).catch((error: unknown) => {
        if (!hasCode(error, "NoSuchKey", "NotFound", "NoSuchBucket")) throw error;
      }),
    );
  };
  return {
    url,
    get: async (key) => {
      const found = await get(key);
      if (found?.output.Body === undefined) return undefined;
      const body = await found.output.Body.transformToByteArray();
      return { body, etag: found.output.ETag ?? "", date: found.date };
    },
    head: (key) =>
      named(`looking at ${url}/${key}`, async () => {
        const found = await client.send(new HeadObjectCommand(at(key))).catch((error: unknown) => {
          if (!hasCode(error, "NotFound", "NoSuchKey", "NoSuchBucket")) throw error;
        });
        if (found === undefined) return undefined;
        return {
          etag: found.ETag ?? "",
          size: found.ContentLength ?? 0,
          modified: found.LastModified ?? new Date(0),
        };
      }),
    put: async (key, body, condition) => {
      const done = await put(key, body, wire(condition));
      return { etag: done.output.ETag ?? "", date: done.date };
    },
    list: (prefix) =>
      named(`listing ${url}/${prefix}`, async () => {
        const found = await gather(
          paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }),
          (page) => page.Contents,
        );
        return found.map((o) => ({
          key: o.Key ?? "",
          size: o.Size ?? 0,
          modified: o.LastModified ?? new Date(0),
        }));
      }),
    download: async (key, file) => {
      const body = (await get(key))?.output.Body;
      if (!(body instanceof Readable)) return undefined;
      const hash = createHash("sha256");
      let size = 0;
      const meter = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          size += chunk.length;
          done(null, chunk);
        },
      });
      await named(`downloading ${url}/${key}`, () =>
        pipeline(body, meter, createWriteStream(file, { mode: 0o600 })),
      );
      return { sha256: hash.digest("hex"), size };
    },
    upload: async (key, file, condition) => {
      const { size } = await stat(file);
      // The SDK does not try a stream again, so each try gets one of its own.
      for (let attempt = 1; ; attempt++) {
        try {
          await put(key, createReadStream(file), { ContentLength: size, ...wire(condition) });
          return;
        } catch (error) {
          if (!(error instanceof EverspotError && error.retry === "retry") || attempt === UPLOADS)
            throw error;
        }
      }
    },
  };
}

const wire = (condition: Condition | undefined): { IfMatch?: string; IfNoneMatch?: string } => {
  if (condition === undefined) return {};
  return "ifMatch" in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: condition.ifNoneMatch };
};

/** What `put` throws: conditions as the port says, the rest in a sentence. */
function conditional(error: unknown, resource: string): Error {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (hasCode(error, "PreconditionFailed") || status === 412) {
    return new ConditionFailed(resource, { cause: error });
  }
  if (status === 409) return new WriteConflict(resource, { cause: error });
  return explain(`writing ${resource}`, error);
}

/** Runs a command and reads the server's clock off its answer; ours when it sent none. */
async function dated<Output>(
  command: { middlewareStack: { add(middleware: never, options: never): void } },
  run: () => Promise<Output>,
): Promise<{ output: Output; date: Date }> {
  let date: Date | undefined;
  const read = (next: (args: object) => Promise<{ response: unknown }>) => async (args: object) => {
    const result = await next(args);
    const { headers } = result.response as { headers?: Record<string, string> };
    date = new Date(headers?.date ?? Number.NaN);
    return result;
  };
  command.middlewareStack.add(read as never, { step: "deserialize", name: "everspotDate" } as never);
  const output = await run();
  return { output, date: date === undefined || Number.isNaN(date.getTime()) ? new Date() : date };
}
