import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import {
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  IAMClient,
  ListRolesCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  type Credentials,
  GetCallerIdentityCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Iam } from "./iam/iam.ts";
import { ManualClock } from "./manual-clock.ts";
import { Sts } from "./sts.ts";
import { WireServer } from "./wire/server.ts";

const ACCOUNT = "123456789012";
const GITHUB = "https://token.actions.githubusercontent.com";
const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;

let clock: ManualClock;
let wire: WireServer;
let iam: Iam;
let issuer: http.Server;
let issuerUrl: string;
let signing: { publicKey: KeyObject; privateKey: KeyObject };

beforeEach(async () => {
  clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  signing = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  issuer = http.createServer((req, res) => {
    const keys = [{ ...signing.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig" }];
    const found: Record<string, object> = {
      "/.well-known/openid-configuration": { issuer: issuerUrl, jwks_uri: `${issuerUrl}/jwks` },
      "/jwks": { keys },
    };
    res.setHeader("content-type", "application/json");
    res.statusCode = found[req.url ?? ""] === undefined ? 404 : 200;
    res.end(JSON.stringify(found[req.url ?? ""] ?? {}));
  });
  await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  wire = new WireServer({ secretOf: (key) => iam.secretOf(key) });
  const lookups = { tagsOf: () => undefined, launchTemplate: () => undefined, bucketPolicy: () => undefined };
  iam = new Iam(wire, { account: ACCOUNT, region: "us-east-1", clock, lookups });
  new Sts(wire, iam, { [GITHUB]: `${issuerUrl}/jwks` });
  await wire.start();
});
afterEach(async () => {
  await wire.stop();
  issuer.closeAllConnections();
  await new Promise((resolve) => issuer.close(resolve));
  expect(wire.faults).toEqual([]);
});

const owner = () => new IAMClient({ endpoint: wire.endpoint, maxAttempts: 1 });
const sts = (credentials?: Credentials) => new STSClient(as(credentials));
const as = (c?: Credentials) => ({
  endpoint: wire.endpoint,
  maxAttempts: 1,
  ...(c === undefined
    ? {}
    : {
        credentials: {
          accessKeyId: c.AccessKeyId ?? "",
          secretAccessKey: c.SecretAccessKey ?? "",
          sessionToken: c.SessionToken ?? "",
        },
      }),
});

async function createRole(RoleName: string, trust: object, allowed?: string): Promise<void> {
  const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });
  await owner().send(
    new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: document({ Effect: "Allow", ...trust }) }),
  );
  if (allowed === undefined) return;
  const PolicyDocument = document({ Effect: "Allow", Action: allowed, Resource: "*" });
  await owner().send(new PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument }));
}
const assume = async (name: string, credentials?: Credentials, more: object = {}): Promise<Credentials> =>
  (
    await sts(credentials).send(
      new AssumeRoleCommand({ RoleArn: roleArn(name), RoleSessionName: "session", ...more }),
    )
  ).Credentials ?? ({} as Credentials);

test("the owner is a user", async () => {
  expect(await sts().send(new GetCallerIdentityCommand({}))).toMatchObject({
    Account: ACCOUNT,
    Arn: `arn:aws:iam::${ACCOUNT}:user/admin`,
  });
});

describe("AssumeRole", () => {
  const byAccount = { Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "sts:AssumeRole" };

  test("gives a session that may what the role may, until it expires", async () => {
    await createRole("deploy", byAccount, "iam:ListRoles");
    const session = await assume("deploy", undefined, { DurationSeconds: 900 });
    expect(session.Expiration).toEqual(new Date(clock.now() + 900_000));
    const me = await sts(session).send(new GetCallerIdentityCommand({}));
    expect(me.Arn).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/deploy/session`);
    await new IAMClient(as(session)).send(new ListRolesCommand({}));
    await expect(owner().send(new ListRolesCommand({}))).resolves.toBeDefined();
    await clock.advance(900_000);
    await expect(sts(session).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name: "ExpiredToken",
    });
  });

  test("a session policy narrows, and never widens", async () => {
    await createRole("deploy", byAccount, "iam:ListRoles");
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: ["iam:GetRole"], Resource: "*" },
    });
    const session = await assume("deploy", undefined, { Policy });
    await expect(new IAMClient(as(session)).send(new ListRolesCommand({}))).rejects.toMatchObject({
      name: "AccessDenied",
    });
  });

  test("needs the trust of the role, and the caller's own permission unless the trust names it", async () => {
    await createRole("caller", byAccount);
    await createRole("allowed", byAccount, "sts:AssumeRole");
    await createRole("open", byAccount);
    await createRole("named", { Principal: { AWS: roleArn("caller") }, Action: "sts:AssumeRole" });
    await createRole("closed", { Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });
    const caller = await assume("caller");
    const allowed = await assume("allowed");
    const denied = {
      name: "AccessDenied",
      message: expect.stringContaining(
        "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam",
      ),
    };
    await expect(assume("open", caller)).rejects.toMatchObject(denied);
    await expect(assume("open", allowed)).resolves.toBeDefined();
    await expect(assume("named", caller)).resolves.toBeDefined();
    await expect(assume("named", allowed)).rejects.toMatchObject(denied);
    await expect(assume("closed", allowed)).rejects.toMatchObject(denied);
    await expect(assume("none", allowed)).rejects.toMatchObject(denied);
  });

  test("durations and names have limits", async () => {
    await createRole("deploy", byAccount);
    await expect(assume("deploy", undefined, { DurationSeconds: 3601 })).rejects.toThrow(
      /exceeds the MaxSessionDuration/,
    );
    await expect(assume("deploy", undefined, { DurationSeconds: 60 })).rejects.toThrow(
      /greater than or equal to 900/,
    );
    await expect(assume("deploy", undefined, { RoleSessionName: "a b" })).rejects.toMatchObject({
      name: "ValidationError",
    });
  });
});

describe("AssumeRoleWithWebIdentity", () => {
  const host = new URL(GITHUB).host;
  const claims = (more: object = {}) => ({
    iss: GITHUB,
    aud: "sts.amazonaws.com",
    sub: "repo:ann/shop:ref:refs/heads/main",
    exp: clock.now() / 1000 + 300,
    ...more,
  });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  function jwt(payload: object, { key = signing.privateKey, kid = "k1", alg = "ES256" } = {}): string {
    const body = `${part({ alg, kid, typ: "JWT" })}.${part(payload)}`;
    return `${body}.${sign("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }
  // The caller has no credentials of its own.
  const enter = (WebIdentityToken: string, RoleArn = roleArn("deploy")) =>
    new STSClient({
      endpoint: wire.endpoint,
      maxAttempts: 1,
      credentials: { accessKeyId: "", secretAccessKey: "" },
    }).send(new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: "ci", WebIdentityToken }));

  beforeEach(async () => {
    for (const Url of [GITHUB, issuerUrl]) {
      await owner().send(
        new CreateOpenIDConnectProviderCommand({ Url, ClientIDList: ["sts.amazonaws.com"] }),
      );
    }
    await createRole("deploy", {
      Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${host}` },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        StringEquals: { [`${host}:aud`]: "sts.amazonaws.com" },
        StringLike: { [`${host}:sub`]: "repo:ann/shop:ref:refs/heads/*" },
      },
    });
  });

  test("a token the trust policy names becomes a session", async () => {
    const answer = await enter(jwt(claims()));
    expect(answer).toMatchObject({
      SubjectFromWebIdentityToken: "repo:ann/shop:ref:refs/heads/main",
      Audience: "sts.amazonaws.com",
      AssumedRoleUser: { Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/deploy/ci` },
    });
    expect((await sts(answer.Credentials).send(new GetCallerIdentityCommand({}))).Arn).toBe(
      `arn:aws:sts::${ACCOUNT}:assumed-role/deploy/ci`,
    );
  });

  test("GitHub's own claims can be asked for", async () => {
    await createRole("pinned", {
      Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${host}` },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: { [`${host}:repository_id`]: "42", [`${host}:environment`]: "prod" } },
    });
    const numbered = { sub: "repo:ann@7/shop@42:environment:prod", repository_id: "42", environment: "prod" };
    await expect(enter(jwt(claims(numbered)), roleArn("pinned"))).resolves.toBeDefined();
    await expect(
      enter(jwt(claims({ ...numbered, repository_id: "43" })), roleArn("pinned")),
    ).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(enter(jwt(claims()), roleArn("pinned"))).rejects.toMatchObject({ name: "AccessDenied" });
  });

  test("an issuer on loopback is asked for its keys", async () => {
    const local = issuerUrl.replace("http://", "");
    await createRole("local", {
      Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${local}` },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: { [`${local}:sub`]: "me" } },
    });
    await expect(enter(jwt(claims({ iss: issuerUrl, sub: "me" })), roleArn("local"))).resolves.toBeDefined();
    await expect(enter(jwt(claims({ iss: issuerUrl, sub: "you" })), roleArn("local"))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    // Known, trusted, but by another provider.
    await expect(enter(jwt(claims({ iss: issuerUrl })))).rejects.toMatchObject({ name: "AccessDenied" });
  });

  test.each<[string, object, string]>([
    ["another repository", { sub: "repo:eve/shop:ref:refs/heads/main" }, "AccessDenied"],
    ["a pull request", { sub: "repo:ann/shop:pull_request" }, "AccessDenied"],
    ["another audience", { aud: "https://github.com/ann" }, "InvalidIdentityTokenException"],
    ["an issuer nobody registered", { iss: "https://issuer.example" }, "InvalidIdentityTokenException"],
    ["a time that is over", { exp: 1_000_000_000 }, "ExpiredTokenException"],
    ["a time to come", { nbf: 9_999_999_999 }, "InvalidIdentityTokenException"],
  ])("%s is refused", async (_, more, name) => {
    await expect(enter(jwt(claims(more)))).rejects.toMatchObject({ name });
  });

  test("a forged token is refused", async () => {
    const other = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
    const invalid = { name: "InvalidIdentityTokenException" };
    await expect(enter(jwt(claims(), { key: other }))).rejects.toMatchObject(invalid);
    await expect(enter(jwt(claims(), { kid: "k2" }))).rejects.toMatchObject(invalid);
    const [head = "", , signature = ""] = jwt(claims({ sub: "x" })).split(".");
    await expect(enter(`${head}.${part(claims())}.${signature}`)).rejects.toMatchObject(invalid);
    const unsigned = `${part({ alg: "none" })}.${part(claims())}.`;
    await expect(enter(unsigned)).rejects.toMatchObject(invalid);
    // Signed with the public key as if it were a shared secret.
    const body = `${part({ alg: "HS256", kid: "k1" })}.${part(claims())}`;
    const secret = signing.publicKey.export({ type: "spki", format: "pem" });
    await expect(
      enter(`${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`),
    ).rejects.toMatchObject(invalid);
    await expect(enter("nonsense")).rejects.toMatchObject(invalid);
  });

  test("a role that does not exist is refused like one that does not trust", async () => {
    await expect(enter(jwt(claims()), roleArn("none"))).rejects.toMatchObject({ name: "AccessDenied" });
  });
});
