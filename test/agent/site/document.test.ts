import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { channelDocument } from "../../../agent/site/channel.ts";
import { type DocumentType, readDocument, updateDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { JumpingClock } from "../certificate/fixture.ts";
import { type LocalS3, startS3 } from "./s3.ts";

const schema = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  count: z.int(),
  by: z.array(z.string()),
});
const type: DocumentType<z.infer<typeof schema>> = { key: "count.json", schema };

let local: LocalS3;
const slept: number[] = [];
const clock = {
  now: Date.now,
  sleep: async (ms: number) => {
    slept.push(ms);
  },
};
beforeEach(async () => {
  local = await startS3();
  slept.length = 0;
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.close();
});

type Counted = z.infer<typeof schema> | undefined;
const countBy = (who: string) => (current: Counted) => ({
  version: 1 as const,
  count: (current?.count ?? 0) + 1,
  by: [...(current?.by ?? []), who],
});
const update = (who: string) => updateDocument(local.store, type, countBy(who), clock);
const read = async () => (await readDocument(local.store, type)).value;
const puts = (): number => local.server.calls.filter((c) => c.operation === "PutObject").length;
const refuse = (code: string, status: number, nth = 1): void => {
  local.server.disturb("s3", "PutObject", { error: new AwsError(code, code, status) }, nth);
};

describe("reading", () => {
  test("a document that is not there has no value, ETag or date", async () => {
    expect(await readDocument(local.store, type)).toEqual({
      value: undefined,
      etag: undefined,
      date: undefined,
    });
  });

  test("a document of an unknown version is refused by name", async () => {
    await local.store.put("count.json", JSON.stringify({ version: 2, nonce: "n", count: 1, by: [] }));
    const error = await readDocument(local.store, type).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EverspotError);
    expect(error).toMatchObject({ resource: "s3://site/count.json", retry: "fatal" });
    expect((error as EverspotError).message).toContain("version 2");
    expect((error as EverspotError).hint).toContain("newer everspot");
  });

  test.each([
    "not json",
    "null",
    "[]",
    '{"version":1}',
    '{"version":1,"nonce":"n","count":1,"by":[],"more":1}',
  ])("%s is refused, and an update leaves it alone", async (body) => {
    await local.store.put("count.json", body);
    await expect(readDocument(local.store, type)).rejects.toThrow(EverspotError);
    await expect(update("a")).rejects.toThrow(EverspotError);
    expect(new TextDecoder().decode((await local.store.get("count.json"))?.body)).toBe(body);
  });

  test.each([siteDocument, channelDocument])(
    "the site's own $key refuses a version it does not know",
    async (own) => {
      await local.store.put(own.key, JSON.stringify({ version: 99, nonce: "n" }));
      const look: DocumentType<{ version: number; nonce: string }> = own;
      await expect(readDocument(local.store, look)).rejects.toThrow(/version 99/);
    },
  );
});

describe("updating", () => {
  test("makes the document, then changes it; each write has a fresh nonce", async () => {
    const first = await update("a");
    const second = await update("b");
    expect(second).toMatchObject({ wrote: true, value: { count: 2, by: ["a", "b"] } });
    expect(await read()).toEqual(second.value);
    expect(first.value?.nonce).not.toBe(second.value?.nonce);
  });

  test("a change that returns undefined writes nothing", async () => {
    await update("a");
    const result = await updateDocument(local.store, type, () => undefined, clock);
    expect(result).toMatchObject({ wrote: false, value: { count: 1 } });
    expect(puts()).toBe(1);
  });

  test("a document that writes find and reads do not, as in a bucket that just got versions, is waited for", async () => {
    const late = new JumpingClock();
    await local.close();
    local = await startS3({ now: () => late.now(), versioned: 50_000 });
    await update("a");
    const second = await updateDocument(local.store, type, countBy("b"), late);
    expect(second).toMatchObject({ wrote: true, value: { count: 2, by: ["a", "b"] } });
  });

  test("two writers at once: both changes survive, in one order", async () => {
    const results = await Promise.all(["a", "b", "c", "d"].map(update));
    expect(results.every((r) => r.wrote)).toBe(true);
    const stored = await read();
    expect(stored?.count).toBe(4);
    expect([...(stored?.by ?? [])].sort()).toEqual(["a", "b", "c", "d"]);
    expect(slept.length).toBeGreaterThan(0);
  });

  test("a writer that comes between is seen before the change is made again", async () => {
    await update("a");
    const seen: (number | undefined)[] = [];
    let interfered = false;
    local.server.before(async (call) => {
      if (call.operation !== "PutObject" || interfered) return;
      interfered = true;
      await update("between");
    });
    const change = (current: Counted) => {
      seen.push(current?.count);
      return countBy("b")(current);
    };
    await updateDocument(local.store, type, change, clock);
    expect(seen).toEqual([1, 2]);
    expect(await read()).toMatchObject({ count: 3, by: ["a", "between", "b"] });
  });

  test("a lost reply of its own write is no conflict: the change is made once", async () => {
    await update("a");
    local.server.disturb("s3", "PutObject", { loseReply: true });
    const result = await update("b");
    expect(result).toMatchObject({ wrote: true, value: { count: 2, by: ["a", "b"] } });
    expect(await read()).toEqual(result.value);
  });

  test("a lost reply of its own first write, too", async () => {
    local.server.disturb("s3", "PutObject", { loseReply: true });
    expect(await update("a")).toMatchObject({ wrote: true, value: { count: 1 } });
    expect(await read()).toMatchObject({ count: 1, by: ["a"] });
  });

  test("a lost reply, and another writer after it: nothing is lost, and the change meets its own effect", async () => {
    await update("a");
    local.server.disturb("s3", "PutObject", { loseReply: true });
    const between = local.server.calls.length;
    let done = false;
    local.server.before(async (call) => {
      // The SDK's own retry of the write whose reply was lost.
      const retried = call.operation === "PutObject" && local.server.calls.length > between + 2;
      if (!retried || done) return;
      done = true;
      await update("other");
    });
    const seen: (readonly string[] | undefined)[] = [];
    const once = (current: Counted) => {
      seen.push(current?.by);
      return current?.by.includes("b") ? undefined : countBy("b")(current);
    };
    await updateDocument(local.store, type, once, clock);
    expect(seen).toEqual([["a"], ["a", "b", "other"]]);
    expect(await read()).toMatchObject({ count: 3, by: ["a", "b", "other"] });
  });

  test("409 is tried again, after a pause", async () => {
    refuse("ConditionalRequestConflict", 409);
    refuse("ConditionalRequestConflict", 409, 2);
    expect(await update("a")).toMatchObject({ wrote: true, value: { count: 1 } });
    expect(slept).toEqual([50, 100]);
  });

  test("a document deleted between read and write is made again", async () => {
    await update("a");
    let deleted = false;
    local.server.before(async (call) => {
      if (call.operation !== "PutObject" || deleted) return;
      deleted = true;
      await local.client.send(new DeleteObjectCommand({ Bucket: "site", Key: type.key }));
    });
    expect(await update("b")).toMatchObject({ wrote: true, value: { count: 1, by: ["b"] } });
  });

  test("gives up on a document that never holds still", async () => {
    await local.close();
    local = await startS3({ versioned: Number.POSITIVE_INFINITY });
    await update("a");
    await expect(update("b")).rejects.toMatchObject({ name: "EverspotError", retry: "retry" });
    expect(await read()).toBeUndefined();
  });

  test("a failure that is no conflict is passed on at once", async () => {
    refuse("AccessDenied", 403);
    await expect(update("a")).rejects.toMatchObject({
      name: "EverspotError",
      resource: "s3://site/count.json",
    });
    expect(puts()).toBe(0);
  });
});
