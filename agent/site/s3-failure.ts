import { EverspotError, messageOf } from "./errors.ts";
import { ConditionFailed, WriteConflict } from "./store.ts";

/** Which request failed, in the words of a message: "could not read s3://bucket/key". */
export interface Attempted {
  verb: "read" | "write" | "list";
  bucket: string;
  /** Key or prefix. */
  key: string;
}

/**
 * What a failure of S3 means to the caller: ConditionFailed (412, and 404 for a write that wanted the object to be
 * there), WriteConflict (409), or an EverspotError that names bucket and key.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export function s3Failure(attempted: Attempted, error: unknown): Error {
  const { name, status } = answer(error);
  const resource = `s3://${attempted.bucket}/${attempted.key}`;
  if (attempted.verb === "write") {
    if (status === 412) return new ConditionFailed(`${resource} is not as expected`, { cause: error });
    if (status === 409) return new WriteConflict(`${resource} is being written by another`, { cause: error });
    if (name === "NoSuchKey") return new ConditionFailed(`${resource} is gone`, { cause: error });
  }
  const hint = hintFor(name, status, attempted);
  return new EverspotError(`could not ${attempted.verb} ${resource}: ${messageOf(error)}`, {
    resource,
    retry: isTransient(error) ? "retry" : "fatal",
    hint,
    cause: error,
  });
}

/** Whether the same request may succeed a moment later: no answer at all, 5xx, throttling, a body cut short. */
export function isTransient(error: unknown): boolean {
  const { name, status } = answer(error);
  if (status === undefined) return name !== "CredentialsProviderError";
  return status >= 500 || status === 429 || ["SlowDown", "RequestTimeout", "IncompleteBody"].includes(name);
}

/** Status is undefined when S3 did not answer. */
export function answer(error: unknown): { name: string; status: number | undefined } {
  if (!(error instanceof Error)) return { name: "", status: undefined };
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return { name: error.name, status: $metadata?.httpStatusCode };
}

const ACTIONS = { read: "s3:GetObject", write: "s3:PutObject", list: "s3:ListBucket" } as const;

function hintFor(name: string, status: number | undefined, { verb, bucket }: Attempted): string | undefined {
  switch (name) {
    case "NoSuchBucket":
      return "run `everspot up` first; it makes the bucket";
    case "PermanentRedirect":
    case "AuthorizationHeaderMalformed":
      return `the bucket is in another region; set the region ${bucket} was made in`;
    case "RequestTimeTooSkewed":
      return "set this machine's clock";
    case "ExpiredToken":
    case "ExpiredTokenException":
      return "the credentials have expired; sign in again";
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "CredentialsProviderError":
      return "check the AWS credentials in use (AWS_PROFILE, AWS_ACCESS_KEY_ID)";
  }
  if (status === 403) {
    return `the credentials in use must allow ${ACTIONS[verb]} (and s3:ListBucket, or a missing key looks forbidden)`;
  }
  return status === undefined ? "S3 did not answer; check the network" : undefined;
}
