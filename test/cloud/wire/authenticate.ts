import { AwsError } from "./errors.ts";
import type { Service } from "./service.ts";
import { type Claim, type SignedRequest, sha256, signatureIsRight } from "./signature.ts";

const SKEW_MS = 15 * 60_000;

/**
 * Refuses a request whose signature is not the one its access key's secret makes, as AWS does: every family of
 * services has its own words for that.
 * @param body as sent, before aws-chunked is undone.
 * @param now milliseconds since the epoch; undefined when callers sign by another clock, so that no age can be told.
 */
export function authenticate(
  service: Service,
  request: SignedRequest & { body: Buffer },
  claim: Claim,
  secretOf: (accessKeyId: string) => string | undefined,
  now: number | undefined,
): void {
  const secret = secretOf(claim.accessKeyId);
  if (secret === undefined) throw refusal(service, "unknownKey");
  const { headers, body } = request;
  const declared = headers["x-amz-content-sha256"];
  const bodyHash = declared === undefined || /^[0-9a-f]{64}$/.test(declared) ? sha256(body) : declared;
  if (!signatureIsRight(request, claim, secret, bodyHash)) throw refusal(service, "mismatch");
  if (service.signingName === "s3") assertSigned(headers, claim);
  if (declared !== undefined && declared !== bodyHash) {
    throw new AwsError(
      "XAmzContentSHA256Mismatch",
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      400,
    );
  }
  assertTimely(service, claim, now);
}

/** The same of a caller in this process, which shows the secret itself. */
export function assertSecret(
  service: Service,
  by: { accessKeyId: string; secretAccessKey: string },
  secretOf: (accessKeyId: string) => string | undefined,
): void {
  const secret = secretOf(by.accessKeyId);
  if (secret === undefined) throw refusal(service, "unknownKey");
  if (secret !== by.secretAccessKey) throw refusal(service, "mismatch");
}

/** S3 wants every x-amz- header that is sent to be signed, the hash of the body among them. */
function assertSigned(headers: SignedRequest["headers"], claim: Claim): void {
  const presigned = claim.expiresSeconds !== undefined;
  if (!presigned && headers["x-amz-content-sha256"] === undefined) {
    throw new AwsError(
      "InvalidRequest",
      "Missing required header for this request: x-amz-content-sha256",
      400,
    );
  }
  const trailers = (headers["x-amz-trailer"] ?? "").split(",").map((name) => name.trim());
  const loose = Object.keys(headers).find(
    (name) => name.startsWith("x-amz-") && !claim.signedHeaders.includes(name) && !trailers.includes(name),
  );
  if (loose !== undefined) {
    throw new AwsError(
      "AccessDenied",
      "There were headers present in the request which were not signed",
      403,
      { HeadersNotSigned: loose },
    );
  }
}

function assertTimely(service: Service, claim: Claim, now: number | undefined): void {
  const at = Date.parse(
    claim.time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  if (Number.isNaN(at) || !claim.time.startsWith(claim.day)) throw refusal(service, "mismatch");
  if (now === undefined) return;
  if (claim.expiresSeconds === undefined) {
    if (Math.abs(now - at) > SKEW_MS) throw refusal(service, "skewed");
  } else if (now > at + claim.expiresSeconds * 1000) {
    throw new AwsError("AccessDenied", "Request has expired", 403);
  }
}

type Reason = "unknownKey" | "mismatch" | "skewed";

const MISMATCH =
  "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
const UNKNOWN = "The security token included in the request is invalid.";

function refusal(service: Service, reason: Reason): AwsError {
  if (service.signingName === "s3") {
    return {
      unknownKey: new AwsError(
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        403,
      ),
      mismatch: new AwsError("SignatureDoesNotMatch", MISMATCH, 403),
      skewed: new AwsError(
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        403,
      ),
    }[reason];
  }
  if (service.protocol === "ec2Query") {
    if (reason === "skewed") return new AwsError("RequestExpired", "Request has expired.", 400);
    return new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
  }
  const json = service.protocol === "awsJson" || service.protocol === "restJson1";
  if (reason === "unknownKey") {
    return json
      ? new AwsError("UnrecognizedClientException", UNKNOWN, 400)
      : new AwsError("InvalidClientTokenId", UNKNOWN, 403);
  }
  const message = reason === "skewed" ? "Signature expired" : MISMATCH;
  return json
    ? new AwsError("InvalidSignatureException", message, 400)
    : new AwsError("SignatureDoesNotMatch", message, 403);
}
