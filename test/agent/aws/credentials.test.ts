import { expect, test } from "vitest";
import { roleCredentials } from "../../../agent/aws/credentials.ts";

const from = (answers: Record<string, string>) =>
  roleCredentials({
    get: async (path) => answers[path.replace("meta-data/iam/security-credentials/", "")],
  })();
const keys = {
  AccessKeyId: "ASIA1",
  SecretAccessKey: "secret",
  Token: "token",
  Expiration: "2026-11-21T12:00:00Z",
};

test("are the instance role's, with the time they expire", async () => {
  expect(await from({ "": "everspot-blog\n", "everspot-blog": JSON.stringify(keys) })).toEqual({
    accessKeyId: "ASIA1",
    secretAccessKey: "secret",
    sessionToken: "token",
    expiration: new Date("2026-11-21T12:00:00Z"),
  });
});

test.each([
  ["without a role", {}],
  ["with a role that has none", { "": "everspot-blog" }],
  ["with an answer that lacks one", { "": "r", r: JSON.stringify({ ...keys, Token: undefined }) }],
])("an instance %s says what to do", async (_, answers) => {
  await expect(from(answers)).rejects.toMatchObject({ hint: expect.stringContaining("everspot up") });
});
