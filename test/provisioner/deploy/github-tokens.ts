import { generateKeyPairSync, type KeyPairKeyObjectResult, sign } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";

export const GITHUB = "https://token.actions.githubusercontent.com";

/** GitHub's issuer, as far as a job and AWS see it: it signs tokens for jobs, and shows its keys. */
export interface GithubTokens {
  /** URL of its keys. */
  jwks: string;
  /** What a job's environment has, as `ACTIONS_ID_TOKEN_REQUEST_…`. */
  requestUrl: string;
  requestToken: string;
  /** Claims of the next tokens. */
  claims: Record<string, string>;
  token(audience?: string): string;
  close(): Promise<void>;
}

/** Made when first wanted: it takes a tenth of a second. */
let made: KeyPairKeyObjectResult | undefined;

export async function startGithubTokens(claims: Record<string, string>): Promise<GithubTokens> {
  made ??= generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = made;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const requestToken = "a job's own token";
  const tokens: GithubTokens = {
    jwks: "",
    requestUrl: "",
    requestToken,
    claims,
    token: (audience = "sts.amazonaws.com") => {
      const now = Math.floor(Date.now() / 1000);
      const body = {
        iss: GITHUB,
        aud: audience,
        iat: now,
        nbf: now - 60,
        exp: now + 86_400,
        ...tokens.claims,
      };
      const text = `${encode({ alg: "RS256", kid: "k1", typ: "JWT" })}.${encode(body)}`;
      return `${text}.${sign("sha256", Buffer.from(text), keys.privateKey).toString("base64url")}`;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    response.setHeader("content-type", "application/json");
    if (url.pathname === "/jwks") {
      response.end(JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: "jwk" }), kid: "k1" }] }));
      return;
    }
    const may = request.headers.authorization === `bearer ${requestToken}`;
    response.statusCode = may ? 200 : 401;
    response.end(
      may ? JSON.stringify({ value: tokens.token(url.searchParams.get("audience") ?? "") }) : "{}",
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  tokens.jwks = `${base}/jwks`;
  tokens.requestUrl = `${base}/token?api-version=2.0`;
  return tokens;
}
