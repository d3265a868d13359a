import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSecrets } from "../../../agent/aws/ssm.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";
import { AwsError } from "../../cloud/wire/server.ts";

let cloud: Cloud;
let client: SSMClient;
beforeEach(async () => {
  cloud = await startCloud();
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
  client = new SSMClient({ endpoint: cloud.endpoint, region: cloud.region, credentials, maxAttempts: 1 });
});
afterEach(async () => {
  client.destroy();
  await cloud.close();
});

const put = (Name: string, Value: string) =>
  client.send(new PutParameterCommand({ Name, Value, Type: "SecureString" }));

test("reads every secret of the site, over pages, decrypted, and no one else's", async () => {
  for (let i = 0; i < 23; i++) await put(`/everspot/blog/KEY_${i}`, `value ${i}`);
  await put("/everspot/blog/deeper/KEY", "not ours");
  await put("/everspot/blog-2/KEY", "not ours");
  const secrets = await createSecrets(client, "/everspot/blog/").read();
  expect(Object.keys(secrets)).toHaveLength(23);
  expect(secrets).toMatchObject({ KEY_0: "value 0", KEY_22: "value 22" });
  expect(await createSecrets(client, "/everspot/none/").read()).toEqual({});
});

test("a refusal names the path and what may be missing", async () => {
  cloud.wire.disturb("ssm", "GetParametersByPath", {
    error: new AwsError("AccessDeniedException", "no kms:Decrypt", 400),
  });
  await expect(createSecrets(client, "/everspot/blog/").read()).rejects.toMatchObject({
    message: expect.stringContaining("no kms:Decrypt"),
    resource: "/everspot/blog/",
    hint: expect.stringContaining("kms:Decrypt"),
  });
});
