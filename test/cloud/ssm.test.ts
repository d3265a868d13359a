import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  type PutParameterCommandInput,
  paginateGetParametersByPath,
  RemoveTagsFromResourceCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Ssm } from "./ssm.ts";
import { WireServer } from "./wire/server.ts";

const DEBIAN = "/aws/service/debian/release/13/latest/amd64";
let server: WireServer;
let ssm: SSMClient;
beforeEach(async () => {
  server = new WireServer();
  new Ssm(server, { now: () => Date.parse("2030-01-01"), publicParameters: { [DEBIAN]: "ami-13" } });
  await server.start();
  ssm = new SSMClient({ endpoint: server.endpoint });
});
afterEach(async () => {
  expect(server.faults).toEqual([]);
  ssm.destroy();
  await server.stop();
});

const put = (Name: string, Value: string, more: Partial<PutParameterCommandInput> = {}) =>
  ssm.send(new PutParameterCommand({ Name, Value, Type: "SecureString", ...more }));
const read = async (Name: string, WithDecryption = true) =>
  (await ssm.send(new GetParameterCommand({ Name, WithDecryption }))).Parameter?.Value;

describe("one parameter", () => {
  test("a SecureString shows its value only with decryption", async () => {
    expect(await put("/everspot/site/KEY", "hush")).toMatchObject({ Version: 1, Tier: "Standard" });
    const got = await ssm.send(new GetParameterCommand({ Name: "/everspot/site/KEY", WithDecryption: true }));
    expect(got.Parameter).toEqual({
      Name: "/everspot/site/KEY",
      Type: "SecureString",
      Value: "hush",
      Version: 1,
      LastModifiedDate: new Date("2030-01-01"),
      ARN: "arn:aws:ssm:us-east-1:123456789012:parameter/everspot/site/KEY",
      DataType: "text",
    });
    expect(await read("/everspot/site/KEY", false)).not.toContain("hush");
  });

  test("overwriting must be asked for, and adds a version", async () => {
    await put("/a/KEY", "1");
    await expect(put("/a/KEY", "2")).rejects.toMatchObject({ name: "ParameterAlreadyExists" });
    expect(await read("/a/KEY")).toBe("1");
    expect(await put("/a/KEY", "2", { Overwrite: true })).toMatchObject({ Version: 2 });
    expect(await read("/a/KEY")).toBe("2");
    expect(await read("/a/KEY:2")).toBe("2");
    await expect(read("/a/KEY:3")).rejects.toMatchObject({ name: "ParameterVersionNotFound" });
  });

  test("the type is needed at first and never changes", async () => {
    const untyped = new PutParameterCommand({ Name: "/a/KEY", Value: "1" });
    await expect(ssm.send(untyped)).rejects.toMatchObject({ name: "ValidationException" });
    await put("/a/KEY", "1");
    await ssm.send(new PutParameterCommand({ Name: "/a/KEY", Value: "2", Overwrite: true }));
    const other = put("/a/KEY", "3", { Overwrite: true, Type: "String" });
    await expect(other).rejects.toMatchObject({ name: "HierarchyTypeMismatchException" });
    expect(await read("/a/KEY")).toBe("2");
  });

  test.each(["a/b", "/a//b", "/a/", "/a b", "ssmKey", `/${"a/".repeat(15)}b`])(
    "the name %s is refused",
    async (name) => {
      await expect(put(name, "1")).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
    },
  );

  test("names of AWS's own are refused", async () => {
    await expect(put(`${DEBIAN}x`, "1")).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  test("a value has 1 to 4,096 characters and may have to match a pattern", async () => {
    await put("/a/full", "x".repeat(4096));
    await expect(put("/a/b", "x".repeat(4097))).rejects.toMatchObject({ name: "ValidationException" });
    await expect(put("/a/b", "")).rejects.toMatchObject({ name: "ValidationException" });
    const odd = put("/a/b", "abc", { AllowedPattern: "[0-9]+" });
    await expect(odd).rejects.toMatchObject({ name: "ParameterPatternMismatchException" });
  });

  test("a missing one", async () => {
    await expect(read("/no")).rejects.toMatchObject({ name: "ParameterNotFound" });
    const remove = new DeleteParameterCommand({ Name: "/no" });
    await expect(ssm.send(remove)).rejects.toMatchObject({ name: "ParameterNotFound" });
  });

  test("a deleted one is gone", async () => {
    await put("/a/KEY", "1");
    await ssm.send(new DeleteParameterCommand({ Name: "/a/KEY" }));
    await expect(read("/a/KEY")).rejects.toMatchObject({ name: "ParameterNotFound" });
  });
});

describe("several parameters", () => {
  test("by name: the unknown are told apart", async () => {
    await put("/a/1", "one");
    const got = await ssm.send(
      new GetParametersCommand({ Names: ["/a/1", "/a/2", DEBIAN], WithDecryption: true }),
    );
    expect(got.Parameters?.map((p) => p.Value)).toEqual(["one", "ami-13"]);
    expect(got.InvalidParameters).toEqual(["/a/2"]);
    const eleven = new GetParametersCommand({ Names: Array.from({ length: 11 }, (_, i) => `/a/${i}`) });
    await expect(ssm.send(eleven)).rejects.toMatchObject({ name: "ValidationException" });
  });

  test("by path: ten a page, one level unless recursive, never a neighbour with the same beginning", async () => {
    const names = Array.from({ length: 23 }, (_, i) => `/everspot/site/K${String(i).padStart(2, "0")}`);
    for (const name of names) await put(name, name.slice(-3));
    await put("/everspot/site/deep/K", "deep");
    await put("/everspot/site2/K", "other");
    const pagesOf = async (Recursive: boolean) => {
      const pages = paginateGetParametersByPath(
        { client: ssm },
        { Path: "/everspot/site/", Recursive, WithDecryption: true },
      );
      const found = [];
      for await (const page of pages) found.push(page.Parameters?.map((p) => p.Value) ?? []);
      return found;
    };
    expect((await pagesOf(false)).map((page) => page.length)).toEqual([10, 10, 3]);
    expect((await pagesOf(false)).flat()).toEqual(names.map((name) => name.slice(-3)));
    expect((await pagesOf(true)).flat()).toContain("deep");
    const tooMany = new GetParametersByPathCommand({ Path: "/everspot", MaxResults: 11 });
    await expect(ssm.send(tooMany)).rejects.toMatchObject({ name: "ValidationException" });
    expect((await ssm.send(new GetParametersByPathCommand({ Path: "/none" }))).Parameters).toEqual([]);
  });

  test("AWS's public parameters are found by name and by path", async () => {
    const got = await ssm.send(new GetParameterCommand({ Name: DEBIAN }));
    expect(got.Parameter).toMatchObject({
      Value: "ami-13",
      ARN: `arn:aws:ssm:us-east-1::parameter${DEBIAN}`,
    });
    const below = await ssm.send(
      new GetParametersByPathCommand({ Path: "/aws/service/debian", Recursive: true }),
    );
    expect(below.Parameters?.map((p) => p.Name)).toEqual([DEBIAN]);
  });

  test("deleted together", async () => {
    await put("/a/1", "one");
    const got = await ssm.send(new DeleteParametersCommand({ Names: ["/a/1", "/a/2"] }));
    expect(got).toMatchObject({ DeletedParameters: ["/a/1"], InvalidParameters: ["/a/2"] });
    expect((await ssm.send(new DescribeParametersCommand({}))).Parameters).toEqual([]);
  });
});

describe("descriptions and tags", () => {
  const describeBy = async (Key: string, Values: string[], Option?: string) => {
    const filter = { Key, Values, ...(Option && { Option }) };
    const found = await ssm.send(new DescribeParametersCommand({ ParameterFilters: [filter] }));
    return found.Parameters?.map((p) => p.Name);
  };

  test("tells all but the value", async () => {
    await put("/a/KEY", "hush", { Description: "of the app" });
    const { Parameters = [] } = await ssm.send(new DescribeParametersCommand({}));
    expect(Parameters).toMatchObject([
      { Name: "/a/KEY", Type: "SecureString", KeyId: "alias/aws/ssm", Version: 1, Description: "of the app" },
    ]);
    expect(JSON.stringify(Parameters)).not.toContain("hush");
  });

  test("filters by path, name, type and tag", async () => {
    await put("/a/1", "x", { Tags: [{ Key: "everspot:site", Value: "a" }] });
    await put("/a/deep/2", "x");
    await put("/b/3", "x", { Type: "String" });
    expect(await describeBy("Path", ["/a"])).toEqual(["/a/1"]);
    expect(await describeBy("Path", ["/a"], "Recursive")).toEqual(["/a/1", "/a/deep/2"]);
    expect(await describeBy("Name", ["/b/3"])).toEqual(["/b/3"]);
    expect(await describeBy("Name", ["/a"], "BeginsWith")).toEqual(["/a/1", "/a/deep/2"]);
    expect(await describeBy("Type", ["String"])).toEqual(["/b/3"]);
    expect(await describeBy("tag:everspot:site", ["a"])).toEqual(["/a/1"]);
    expect(await describeBy("tag:everspot:site", ["b"])).toEqual([]);
  });

  test("tags are added, removed and kept when the value changes", async () => {
    const resource = { ResourceType: "Parameter" as const, ResourceId: "/a/KEY" };
    await put("/a/KEY", "1", { Tags: [{ Key: "a", Value: "1" }] });
    await ssm.send(new AddTagsToResourceCommand({ ...resource, Tags: [{ Key: "b", Value: "2" }] }));
    await ssm.send(new RemoveTagsFromResourceCommand({ ...resource, TagKeys: ["a"] }));
    await put("/a/KEY", "2", { Overwrite: true });
    const { TagList } = await ssm.send(new ListTagsForResourceCommand(resource));
    expect(TagList).toEqual([{ Key: "b", Value: "2" }]);
    const both = put("/a/KEY", "3", { Overwrite: true, Tags: [{ Key: "c", Value: "3" }] });
    await expect(both).rejects.toMatchObject({ name: "ValidationException" });
    const unknown = new ListTagsForResourceCommand({ ...resource, ResourceId: "/no" });
    await expect(ssm.send(unknown)).rejects.toMatchObject({ name: "InvalidResourceId" });
  });
});
