import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { keys } from "../../../agent/site/names.ts";
import {
  bringAlong,
  checkInPlace,
  refuseToLeaveBehind,
  writesToDisk,
} from "../../../provisioner/deploy/bring-along.ts";
import type { Session } from "../../../provisioner/deploy/session.ts";
import { type LocalS3, startS3 } from "../../agent/site/s3.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const OWNER = "i-00000001";
const state = {
  ...{ database: ["db.sqlite3"], mediaUrl: "/media/", durability: "fast" as const },
  ...{ budget: 3, history: "7d", pause: 10 },
};
const config = { site: "blog", state };

let local: LocalS3;
let alive: boolean;
let logged: number;
beforeAll(async () => {
  local = await startS3();
  await updateDocument(local.store, siteDocument, () => ({
    ...{ version: 1 as const, epoch: 1, owner: OWNER, address: "203.0.113.1", privateAddress: "10.0.0.1" },
    ...{ launched: now, since: now, state: "serving" as const },
  }));
});
afterAll(() => local.close());
beforeEach(() => {
  [alive, logged] = [true, 0];
});

const now = "2026-01-01T00:00:00.000Z";
const boot = (more: Partial<BootRecord>) =>
  local.store.put(
    keys.boot(OWNER),
    JSON.stringify({
      ...{ version: 2, site: "blog", instance: OWNER, bootId: "b", attempt: 1, agent: "a", warnings: [] },
      ...{ started: now, updated: now, state: "serving", steps: [], ...more },
    }),
  );
const aws = () =>
  ({
    store: local.store,
    state: { list: async () => ({ objects: Array(logged) }) },
    instances: { look: async () => [{ id: OWNER, alive }] },
  }) as never;

test("an instance that was launched without [state] is known, as long as it is there", async () => {
  await boot({ written: "disk" });
  expect(await writesToDisk(config, aws())).toBe(OWNER);
  expect(await writesToDisk({ site: "blog", state: undefined }, aws())).toBeUndefined();
  await expect(refuseToLeaveBehind(config, aws(), "it would be lost")).rejects.toMatchObject({
    message: `${OWNER} was launched without [state]: it would be lost`,
    hint: expect.stringContaining("`everspot deploy` first"),
  });
  alive = false;
  expect(await writesToDisk(config, aws())).toBeUndefined();
});

test("one that keeps what it writes has nothing to bring, and takes a release in place", async () => {
  await boot({ written: "bucket" });
  expect(await writesToDisk(config, aws())).toBeUndefined();
  await checkInPlace(config, aws());
});

test("an agent of before cannot bring anything, nor hold visitors for a release in place", async () => {
  await boot({});
  await expect(writesToDisk(config, aws())).rejects.toThrow("blog runs without [state]");
  logged = 1;
  expect(await writesToDisk(config, aws())).toBeUndefined();
  await expect(checkInPlace(config, aws())).rejects.toThrow("cannot take a release in place");
});

/** A deploy that has the lock. */
function session(said: unknown[]): Session {
  const signal = new AbortController().signal;
  const terminal = { say: () => {}, warn: () => {} };
  return {
    ...{ aws: aws(), config, signal, lock: { id: "d" }, tools: { clock: new ManualClock(), terminal } },
    note: async (note: unknown) => void said.push(note),
    step: (name: string, run: (detail: (text: string) => void) => Promise<unknown>) => {
      said.push(name);
      return run((text) => said.push(text));
    },
  } as never;
}

test("the instance is told what to bring, and is waited for until it is ready", async () => {
  const said: unknown[] = [];
  await boot({ written: "disk", brought: { deploy: "d", state: "ready" } });
  await bringAlong(session(said), OWNER, 60);
  expect(said.slice(0, 2)).toEqual([`bring what ${OWNER} has written`, { takes: state }]);
});

test("what it cannot bring stops the deploy, with its reason", async () => {
  await boot({
    written: "disk",
    brought: { deploy: "d", state: "failed", detail: "there is no db.sqlite3" },
  });
  await expect(bringAlong(session([]), OWNER, 60)).rejects.toMatchObject({
    message: `${OWNER} cannot bring what it has written: there is no db.sqlite3`,
  });
  await boot({ written: "disk", brought: { deploy: "another", state: "failed" } });
  alive = false;
  await expect(bringAlong(session([]), OWNER, 60)).rejects.toThrow(`${OWNER} is gone`);
});
