import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureImage } from "../../../agent/handover/stock-image.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { imageDocument } from "../../../agent/site/documents/image-note.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
beforeEach(async () => {
  local = await startS3();
  const note = { version: 1 as const, image: "ami-own", launches: 2, stock: 1 };
  await updateDocument(local.store, imageDocument, () => note);
});
afterEach(() => local.close());

/** EC2 answers these, one a look. */
async function ensure(...answers: boolean[]) {
  const launched: number[] = [];
  const slept: number[] = [];
  const done = await ensureImage({
    store: local.store,
    launches: {
      version: async () => 2,
      imageCreated: async () => undefined,
      hasImage: async () => answers.shift() ?? expect.fail("asked too often"),
      launchBy: async (version) => void launched.push(version),
    },
    deploying: async () => false,
    clock: { now: Date.now, sleep: async (ms) => void slept.push(ms) },
    signal: new AbortController().signal,
  });
  return { done, launched, slept };
}

test("one answer that does not know the image changes nothing, two bring Debian's", async () => {
  expect(await ensure(true)).toEqual({ done: undefined, launched: [], slept: [] });
  expect(await ensure(false, true)).toEqual({ done: undefined, launched: [], slept: [10_000] });
  expect(await ensure(false, false)).toMatchObject({
    launched: [1],
    done: expect.stringContaining("ami-own"),
  });
});
