import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Who signed a request, as the request says; nothing is verified yet. */
export interface Claim {
  accessKeyId: string;
  sessionToken: string | undefined;
  /** Of the credential scope: the one routing key all protocols share. */
  signingName: string;
  region: string;
  /** "20261120" */
  day: string;
  /** "20261120T100000Z" */
  time: string;
  signedHeaders: readonly string[];
  signature: string;
  /** Set for presigned URLs: how long they hold. */
  expiresSeconds: number | undefined;
}

export interface SignedRequest {
  method: string;
  /** As sent: "/path?query". */
  target: string;
  headers: Readonly<Record<string, string>>;
}

/** From the Authorization header or a presigned URL; undefined when the request carries neither. */
export function claimOf(request: SignedRequest): Claim | undefined {
  const header = request.headers.authorization;
  const query = new URLSearchParams(header === undefined ? splitTarget(request.target).query : "");
  const presigned = header === undefined && query.get("X-Amz-Algorithm") === "AWS4-HMAC-SHA256";
  if (header === undefined && !presigned) return undefined;
  const fields = fieldsOf(header ?? "");
  const field = (name: string): string => (presigned ? query.get(`X-Amz-${name}`) : fields.get(name)) ?? "";
  const [accessKeyId = "", day = "", region = "", signingName = ""] = field("Credential").split("/");
  const token = presigned ? query.get("X-Amz-Security-Token") : request.headers["x-amz-security-token"];
  return {
    accessKeyId,
    sessionToken: token ?? undefined,
    signingName,
    region,
    day,
    time: (presigned ? query.get("X-Amz-Date") : request.headers["x-amz-date"]) ?? "",
    signedHeaders: field("SignedHeaders").split(";"),
    signature: field("Signature"),
    expiresSeconds: presigned ? Number(query.get("X-Amz-Expires")) : undefined,
  };
}

/** `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`; of any other header none. */
const fieldsOf = (authorization: string): ReadonlyMap<string, string> =>
  new Map(
    authorization.startsWith("AWS4-HMAC-SHA256 ")
      ? [...authorization.matchAll(/\b(\w+)=([^,\s]+)/g)].map(([, name = "", value = ""]) => [name, value])
      : [],
  );

/**
 * Recomputes the signature of a request as it arrived.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @param bodyHash hex SHA-256 of the body as sent, for requests that do not declare one.
 */
export function signatureIsRight(
  request: SignedRequest,
  claim: Claim,
  secret: string,
  bodyHash: string,
): boolean {
  const scope = `${claim.day}/${claim.region}/${claim.signingName}/aws4_request`;
  const canonical = canonicalRequest(request, claim, bodyHash);
  const toSign = ["AWS4-HMAC-SHA256", claim.time, scope, sha256(canonical)].join("\n");
  const want = Buffer.from(createHmac("sha256", signingKey(secret, scope)).update(toSign).digest("hex"));
  const got = Buffer.from(claim.signature);
  return want.length === got.length && timingSafeEqual(want, got);
}

/** The same for a day of calls to a service. */
const signingKeys = new Map<string, Buffer>();

function signingKey(secret: string, scope: string): Buffer {
  const name = `${secret} ${scope}`;
  const known = signingKeys.get(name);
  if (known !== undefined) return known;
  const key = scope
    .split("/")
    .reduce((k, part) => createHmac("sha256", k).update(part).digest(), Buffer.from(`AWS4${secret}`));
  signingKeys.set(name, key);
  return key;
}

function canonicalRequest(
  { method, target, headers }: SignedRequest,
  claim: Claim,
  bodyHash: string,
): string {
  const { path, query } = splitTarget(target);
  const presigned = claim.expiresSeconds !== undefined;
  const declared = headers["x-amz-content-sha256"];
  const signed = [...claim.signedHeaders].sort();
  return [
    method,
    // Every service but S3 encodes the path it sends once more.
    claim.signingName === "s3" ? path : path.split("/").map(encoded).join("/"),
    canonicalQuery(query),
    ...signed.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/\s+/g, " ")}`),
    "",
    signed.join(";"),
    declared ?? (presigned && claim.signingName === "s3" ? "UNSIGNED-PAYLOAD" : bodyHash),
  ].join("\n");
}

function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf("?");
  return mark < 0
    ? { path: target, query: "" }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

const canonicalQuery = (query: string): string =>
  query === ""
    ? ""
    : [...new URLSearchParams(query.replaceAll("+", "%2B"))]
        .filter(([key]) => key !== "X-Amz-Signature")
        .map(([key, value]) => [encoded(key), encoded(value)] as const)
        .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
        .map((pair) => pair.join("="))
        .join("&");

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986: all but letters, digits and -._~ */
const encoded = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");
