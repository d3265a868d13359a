import { Readable } from "node:stream";
import { sdkStreamMixin } from "@smithy/core/serde";
import { expect, test } from "vitest";
import { streamOf, withHelpers } from "./body-stream.ts";

const whole = () => Buffer.from("\ufeffbody é");
type Stream = ReturnType<typeof withHelpers> & Readable;

/** The SDK's own, of a stream that it has to read, and ours. */
const both = {
  "the SDK's": () => sdkStreamMixin(Readable.from([whole()])) as Stream,
  ours: () => withHelpers(streamOf(whole())) as Stream,
};

test.each(Object.entries(both))("a body is given once, in whichever form: %s", async (_, make) => {
  expect(Buffer.from(await make().transformToByteArray())).toEqual(whole());
  expect(await make().transformToString()).toBe("\ufeffbody é");
  expect(await make().transformToString("base64")).toBe(whole().toString("base64"));
  expect(await make().transformToString("latin1")).toBe("\u00ef\u00bb\u00bfbody \u00c3\u00a9");
  expect(await make().transformToString("iso-8859-5")).toBe("\u044f\u041b\u041fbody \u0423\u0409");
  expect(Buffer.concat(await make().toArray())).toEqual(whole());
  const taken = make();
  await taken.transformToString();
  await expect(taken.transformToByteArray()).rejects.toThrow("already been transformed");
  await expect(taken.transformToString()).rejects.toThrow("already been transformed");
});

test("what was read of it already is not given again", async () => {
  const stream = both.ours();
  stream.once("data", () => {});
  await new Promise((resolve) => stream.once("end", resolve));
  expect((await stream.transformToByteArray()).byteLength).toBe(0);
});
