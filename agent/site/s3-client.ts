import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { streamLimits } from "./call-limits.ts";

/** Endpoint, region and credentials come from the standard AWS configuration unless given. */
export function createS3Client(config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    requestHandler: streamLimits,
    // It would print a line for each failed upload; the store reports those itself.
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet, trace: quiet },
    ...config,
  });
  // It would take every input and output apart for that log.
  client.middlewareStack.remove("loggerMiddleware");
  return client;
}

const quiet = (): void => {};

/** Calls that name no bucket that is there already. */
const WITHOUT_OWNER = new Set(["CreateBucketCommand", "ListBucketsCommand"]);

/**
 * Every call from here on is for buckets of this account alone (ExpectedBucketOwner): S3 answers 403 for any other's.
 * A bucket's name is free for anybody once it was deleted.
 */
export function expectOwner(client: S3Client, account: string): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as { headers?: Record<string, string> };
      if (request.headers !== undefined && !WITHOUT_OWNER.has(context.commandName ?? "")) {
        request.headers["x-amz-expected-bucket-owner"] = account;
      }
      return next(args);
    },
    { step: "build", name: "expectedBucketOwner" },
  );
}

/** The part of a command's middleware stack this needs; the types of the commands' own stacks cannot be joined. */
interface Middlewares {
  add(middleware: (next: Handle) => Handle, options: { step: "deserialize"; name: string }): void;
}
type Handle = (args: never) => Promise<{ response: unknown }>;

/** The Date header of the answer, which no output of the SDK has. To be called once the command was sent. */
export function dateHeader(command: { middlewareStack: unknown }): () => string | undefined {
  let header: string | undefined;
  const keep =
    (next: Handle): Handle =>
    async (args) => {
      const result = await next(args);
      header = (result.response as { headers?: Record<string, string> }).headers?.date;
      return result;
    };
  (command.middlewareStack as Middlewares).add(keep, { step: "deserialize", name: "keepDateHeader" });
  return () => header;
}
