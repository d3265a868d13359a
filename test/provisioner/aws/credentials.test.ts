import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { createClients } from "../../../provisioner/aws/clients.ts";
import { whoAmI } from "../../../provisioner/aws/identity.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";

let cloud: Cloud;
let home: string;
const before = { ...process.env };
beforeEach(async () => {
  cloud = await startCloud();
  home = mkdtempSync(path.join(tmpdir(), "everspot-"));
  mkdirSync(path.join(home, ".aws/sso/cache"), { recursive: true });
  Object.assign(process.env, cloud.env, {
    HOME: home,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: path.join(home, ".aws/config"),
    AWS_SHARED_CREDENTIALS_FILE: path.join(home, ".aws/credentials"),
  });
  delete process.env.AWS_ACCESS_KEY_ID;
  delete process.env.AWS_SECRET_ACCESS_KEY;
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  await cloud.close();
  rmSync(home, { recursive: true, force: true });
});

const SSO = "sso_account_id = 123456789012\nsso_role_name = Admin\n";
const START = "https://corp.awsapps.com/start";

/** What a command says with a profile of this configuration in use. */
async function refusal(config: string, profile: string): Promise<EverspotError> {
  writeFileSync(path.join(home, ".aws/config"), config);
  process.env.AWS_PROFILE = profile;
  const clients = createClients("us-east-1");
  try {
    return await whoAmI(clients.sts, "us-east-1").then(
      () => expect.fail("there were credentials"),
      (e: EverspotError) => e,
    );
  } finally {
    clients.destroy();
  }
}

/** The SDK looks a token up by the name of its session, or by its start URL. */
function expiredToken(key: string): void {
  const name = `${createHash("sha1").update(key).digest("hex")}.json`;
  const token = { accessToken: "x", expiresAt: "2020-01-01T00:00:00Z", startUrl: START, region: "us-east-1" };
  writeFileSync(path.join(home, ".aws/sso/cache", name), JSON.stringify(token));
}

test.each([
  ["an expired one", true],
  ["none", false],
])("an SSO session, %s", async (_, token) => {
  if (token) expiredToken("corp");
  const config = `[profile work]\nsso_session = corp\n${SSO}[sso-session corp]\nsso_start_url = ${START}\nsso_region = us-east-1\n`;
  const { message, hint } = await refusal(config, "work");
  expect(message).toContain("the SSO session of the AWS profile work has expired, or was not begun");
  expect(hint).toBe("log in with `aws sso login --profile work`");
});

test("an expired SSO session in the older form", async () => {
  expiredToken(START);
  const config = `[profile work]\nsso_start_url = ${START}\nsso_region = us-east-1\n${SSO}`;
  const { message, hint } = await refusal(config, "work");
  expect(message).toContain("The SSO session associated with this profile has expired");
  expect(hint).toBe("log in with `aws sso login --profile work`");
});

test("a session of `aws login` that is not there", async () => {
  const { hint } = await refusal(
    "[profile work]\nlogin_session = arn:aws:iam::123456789012:user/ann\n",
    "work",
  );
  expect(hint).toBe("log in with `aws login --profile work`");
});

test("a credential_process that fails: what it said, without the command", async () => {
  const script = path.join(home, "vault");
  writeFileSync(script, "#!/bin/sh\necho 'the vault is sealed' >&2\nexit 3\n", { mode: 0o755 });
  const error = await refusal(`[profile work]\ncredential_process = ${script} --token s3cr3t\n`, "work");
  expect(error.message).toBe("asking AWS who we are: the credential_process of the AWS profile work failed");
  expect(error.lines).toEqual(["the vault is sealed"]);
  expect(error.hint).toContain("run that command by itself");
});

test("a credential_process that prints something else", async () => {
  const error = await refusal("[profile work]\ncredential_process = echo hello\n", "work");
  expect(error.message).toContain("did not give any credentials");
  expect(error.lines).toEqual(["Profile work credential_process returned invalid JSON"]);
});

test("a misspelt profile", async () => {
  const { message, hint } = await refusal("[profile work]\nregion = us-east-1\n", "wrok");
  expect(message).toContain("there is no AWS profile wrok");
  expect(hint).toContain("aws configure list-profiles");
});

test.each([
  ["region = us-east-1", "leads to no credentials (Could not resolve credentials using profile: [work]"],
  [
    "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nope",
    "leads to no credentials (Could not resolve credentials using profile: [nope]",
  ],
  [
    "role_arn = arn:aws:iam::123456789012:role/x\nmfa_serial = arn:aws:iam::123456789012:mfa/ann\nsource_profile = base",
    "wants the code of a second factor",
  ],
])("a profile with only %s", async (lines, said) => {
  const base = "[profile base]\naws_access_key_id = AKIATEST\naws_secret_access_key = test\n";
  expect((await refusal(`${base}[profile work]\n${lines}\n`, "work")).message).toContain(said);
});
