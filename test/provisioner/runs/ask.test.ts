import { afterAll, beforeAll, expect, test } from "vitest";
import { channelDocument } from "../../../agent/site/channel.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { whoRuns } from "../../../provisioner/runs/ask.ts";
import { type LocalS3, startS3 } from "../../agent/site/s3.ts";

let local: LocalS3;
let alive = true;
beforeAll(async () => {
  local = await startS3();
});
afterAll(() => local.close());

const asked = () => whoRuns({ store: local.store, instances: { look: async () => [{ id: "i-1", alive }] } });
const none = (message: string) =>
  expect(asked()).rejects.toMatchObject({ exitCode: 69, message: expect.stringContaining(message) });

test("a site that no one serves, one without a release, and one whose instance is gone run nothing, and say why", async () => {
  await none("no instance has served this site yet");
  const time = new Date().toISOString();
  await updateDocument(local.store, siteDocument, () => ({
    ...{ version: 1 as const, owner: "i-1", epoch: 1, address: "203.0.113.8", privateAddress: "10.0.0.8" },
    ...{ launched: time, since: time, state: "serving" as const },
  }));
  await none("no release serves yet");
  await updateDocument(local.store, channelDocument, () => ({
    ...{ version: 1 as const, counter: 1, quarantined: [], current: "r1" },
  }));
  expect(await asked()).toMatchObject({ instance: "i-1", date: expect.any(Date) });
  alive = false;
  await none("i-1, which served the site last, is gone");
});
