import { Readable } from "node:stream";
import { GetParameterCommand, ListTagsForResourceCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSecretList, runSecretSet, runSecretUnset } from "../../../provisioner/commands/secret.ts";
import { createQuestions } from "../../../provisioner/operator/questions.ts";
import type { Tools } from "../../../provisioner/operator/tools.ts";
import { type Desk, openDesk } from "../site.ts";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(async () => {
  await desk.close();
});

/** As when the command is at the end of a pipe. */
function piped(text: string): Tools {
  const input = Object.assign(Readable.from([Buffer.from(text)]), { isTTY: false });
  return {
    ...desk.tools,
    questions: createQuestions({ yes: false, input: input as unknown as NodeJS.ReadStream }),
  };
}

const stored = async (name: string) => {
  const client = new SSMClient({ region: "us-east-1", endpoint: desk.cloud.endpoint });
  const found = await client.send(
    new GetParameterCommand({ Name: `/everspot/blog/${name}`, WithDecryption: true }),
  );
  const tags = await client.send(
    new ListTagsForResourceCommand({ ResourceType: "Parameter", ResourceId: `/everspot/blog/${name}` }),
  );
  client.destroy();
  return { type: found.Parameter?.Type, value: found.Parameter?.Value, tags: tags.TagList };
};

test("set from stdin, without the line break at its end; again replaces it; its tag says whose it is", async () => {
  await runSecretSet(desk.config, piped("first value\n"), "API_KEY");
  expect(await stored("API_KEY")).toMatchObject({ type: "SecureString", value: "first value" });
  expect(desk.json()).toMatchObject({ name: "API_KEY", replaced: false });
  await runSecretSet(desk.config, piped("line 1\nline 2\r\n"), "API_KEY");
  const { value, tags } = await stored("API_KEY");
  expect(value).toBe("line 1\nline 2");
  expect(tags).toContainEqual({ Key: "everspot:site", Value: "blog" });
  expect(desk.json()).toMatchObject({ replaced: true });
});

test("the secret that signs the webhook's requests", async () => {
  const name = "EVERSPOT_NOTIFY_SECRET";
  await runSecretSet(desk.config, piped("signs"), name);
  expect(await stored(name)).toMatchObject({ type: "SecureString", value: "signs" });
  await runSecretUnset(desk.config, desk.tools, name);
});

test("list has names and times, and no value is ever printed", async () => {
  await runSecretSet(desk.config, piped("hunter2"), "PASSWORD");
  await runSecretList(desk.config, desk.tools);
  const secrets = desk.json().secrets as { name: string }[];
  expect(secrets.map((s) => s.name)).toEqual(["API_KEY", "PASSWORD"]);
  expect(desk.said() + JSON.stringify(desk.json())).not.toContain("hunter2");
  const read = desk.cloud.wire.calls.filter((c) => c.operation === "GetParametersByPath");
  expect(read.map((c) => (c.input as { WithDecryption?: boolean }).WithDecryption)).not.toContain(true);
});

test("unset", async () => {
  await runSecretUnset(desk.config, desk.tools, "PASSWORD");
  await runSecretList(desk.config, desk.tools);
  expect(desk.json().secrets).toHaveLength(1);
  await expect(runSecretUnset(desk.config, desk.tools, "PASSWORD")).rejects.toThrow(
    "blog has no secret PASSWORD",
  );
});

test.each([
  ["A=secret", "x", /can be read by everyone/],
  ["9LIVES", "x", /cannot be the name/],
  ["PYTHONPATH", "x", /set by everspot itself/],
  ["EVERSPOT_SITE", "x", /set by everspot itself/],
  ["EMPTY", "\n", /is empty/],
  ["LARGE", "x".repeat(4097), /has 4097 bytes/],
  ["BINARY", "a\u0000b", /control characters/],
])("%s is refused before anything is asked of AWS", async (name, value, message) => {
  const mark = desk.cloud.mark();
  const error = await runSecretSet(desk.config, piped(value), name).catch((e: unknown) => e);
  expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  expect(desk.cloud.mark()).toBe(mark);
});
