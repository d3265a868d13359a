import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { z } from "zod";
import type { Provider } from "../iam/entities.ts";
import { GITHUB_CLAIMS } from "../iam/keys.ts";
import { AwsError, ContractError } from "../wire/server.ts";

/**
 * Where the signing keys of an issuer are, by its URL as in the token's `iss`: the URL of a JWKS document. An issuer
 * not listed is asked for its discovery document, as AWS does. Loopback only.
 */
export type KeySource = Readonly<Record<string, string>>;

export interface IdentityToken {
  provider: Provider;
  subject: string;
  audience: string;
  /** Condition keys `<provider>:sub`, `:aud`, `:amr`, and those of GitHub. */
  context: Record<string, string | string[] | undefined>;
}

const header = z.object({ alg: z.string(), kid: z.string().optional() });
const claims = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string()).min(1)]),
  exp: z.number(),
  nbf: z.number().optional(),
  amr: z.array(z.string()).optional(),
});
const keySet = z.object({ keys: z.array(z.looseObject({ kid: z.string().optional() })) });

const invalid = (message: string): AwsError => new AwsError("InvalidIdentityToken", message, 400);

/**
 * Checks an OIDC token as AssumeRoleWithWebIdentity does: known provider, signature by one of the issuer's keys,
 * audience among the provider's client ids, time. `now` in milliseconds since the epoch.
 * @throws AwsError InvalidIdentityToken, ExpiredTokenException or IDPCommunicationError.
 */
export async function verifyIdentityToken(
  token: string,
  providers: ReadonlyMap<string, Provider>,
  keys: KeySource,
  now: number,
): Promise<IdentityToken> {
  const parts = token.split(".");
  const head = decode(header, parts[0]);
  const body = decode(claims, parts[1]);
  if (parts.length !== 3 || head === undefined || body === undefined) {
    throw invalid(
      "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    );
  }
  const issuer = body.iss.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const provider = [...providers.values()].find((p) => p.url === issuer);
  if (provider === undefined)
    throw invalid(`No OpenIDConnect provider found in your account for ${body.iss}`);
  const audiences = typeof body.aud === "string" ? [body.aud] : body.aud;
  const audience = audiences.find((a) => provider.clientIds.includes(a));
  if (audience === undefined) throw invalid("Incorrect token audience");
  const candidates = (await fetchKeys(body.iss, keys)).filter(
    (k) => head.kid === undefined || k.kid === head.kid,
  );
  if (!candidates.some((key) => signedBy(key, head.alg, parts))) {
    throw invalid(
      "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
    );
  }
  if (now >= body.exp * 1000) {
    throw new AwsError(
      "ExpiredTokenException",
      `Token expired: current date/time ${Math.floor(now / 1000)} must be before the expiration date/time ${body.exp}`,
      400,
    );
  }
  if (body.nbf !== undefined && now < body.nbf * 1000) throw invalid("Token is not valid yet");
  return {
    provider,
    subject: body.sub,
    audience,
    context: {
      ...(issuer === "token.actions.githubusercontent.com" ? githubClaims(issuer, body) : {}),
      [`${issuer}:sub`]: body.sub,
      [`${issuer}:aud`]: audience,
      [`${issuer}:amr`]: body.amr,
    },
  };
}

const githubClaims = (issuer: string, body: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    GITHUB_CLAIMS.flatMap((claim) => {
      const value = body[claim];
      return typeof value === "string" ? [[`${issuer}:${claim}`, value]] : [];
    }),
  );

function decode<T>(schema: z.ZodType<T>, part: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

/** The algorithms AWS takes: RS256/384/512 and ES256/384/512. */
function signedBy(key: JsonWebKey, alg: string, parts: readonly string[]): boolean {
  const [, family, bits] = /^(RS|ES)(256|384|512)$/.exec(alg) ?? [];
  if (family === undefined) return false;
  const publicKey = createPublicKey({ key, format: "jwk" });
  if (publicKey.asymmetricKeyType !== (family === "RS" ? "rsa" : "ec")) return false;
  return verify(
    `sha${bits}`,
    Buffer.from(`${parts[0]}.${parts[1]}`),
    { key: publicKey, dsaEncoding: "ieee-p1363" },
    Buffer.from(parts[2] ?? "", "base64url"),
  );
}

async function fetchKeys(issuer: string, sources: KeySource): Promise<(JsonWebKey & { kid?: string })[]> {
  const url = sources[issuer] ?? (await discover(issuer));
  const parsed = keySet.safeParse(await fetchJson(url));
  if (!parsed.success) throw invalid("The identity provider's keys are not a JWKS document");
  return parsed.data.keys as (JsonWebKey & { kid?: string })[];
}

async function discover(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const parsed = z.object({ jwks_uri: z.string() }).safeParse(await fetchJson(url));
  if (!parsed.success) throw invalid("The identity provider's discovery document has no jwks_uri");
  return parsed.data.jwks_uri;
}

async function fetchJson(url: string): Promise<unknown> {
  if (!/^http:\/\/(127\.\d+\.\d+\.\d+|localhost)(:\d+)?\//.test(url)) {
    throw new ContractError(`the local STS asks no issuer outside loopback: give the keys of ${url} to it`);
  }
  try {
    const answer = await fetch(url);
    if (answer.ok) return await answer.json();
  } catch {
    // Reported below, as any other failure to get the document.
  }
  throw new AwsError(
    "IDPCommunicationError",
    `Error communicating with the identity provider at ${url}`,
    400,
  );
}
