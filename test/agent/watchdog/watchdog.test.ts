import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAlerts } from "../../../agent/notify/alerts.ts";
import type { Notice } from "../../../agent/notify/notify.ts";
import { BootRecorder } from "../../../agent/record/recorder.ts";
import { channelDocument } from "../../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { replacementsDocument } from "../../../agent/site/replacements.ts";
import { type AppControl, Watchdog } from "../../../agent/watchdog/watchdog.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const WAIT = { timeout: 5000, interval: 5 };

let local: LocalS3;
let clock: ManualClock;
let stop: AbortController;
beforeEach(async () => {
  local = await startS3();
  clock = new ManualClock(Date.now());
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await local.close();
});

/** A watchdog over an app that writes down what is done to it. */
async function machine(
  instance: string,
  options: {
    lastKnownGood?: string;
    deploying?: boolean;
    owned?: string | undefined;
    noFleet?: boolean;
    held?: boolean;
    /** No one takes a notice. */
    deaf?: boolean;
  } = {},
) {
  await updateDocument(local.store, channelDocument, () => ({
    version: 1,
    counter: 2,
    current: "r2",
    previous: "r1",
    quarantined: [],
    ...(options.lastKnownGood === undefined ? {} : { lastKnownGood: options.lastKnownGood }),
  }));
  const done: string[] = [];
  const notices: Notice[] = [];
  let well = false;
  const app: AppControl = {
    restart: async (release) => void done.push(`restart ${release}`),
    serve: async (release) => {
      done.push(`serve ${release}`);
      return true;
    },
    answers: async () => well,
    held: async () => options.held ?? false,
    hide: async () => void done.push("hide"),
    show: async (release) => void done.push(`show ${release}`),
  };
  const recorder = new BootRecorder({
    ...{ store: local.store, site: "blog", bootId: "b", agent: "a", started: 0, before: [], clock },
  });
  recorder.identify({
    ...{ instance, type: "t3.micro", image: "ami-1", zone: "us-east-1a", lifeCycle: "spot" },
    ...{ address: "127.0.1.1", privateAddress: "127.0.1.1" },
  });
  const notify = async (notice: Notice) => {
    notices.push(notice);
    if (options.deaf) await new Promise(() => {});
  };
  const watchdog = new Watchdog({
    ...{ instance, store: local.store, clock, recorder, app, signal: stop.signal, notify },
    log: pino({ level: "silent" }),
    alerts: createAlerts({ store: local.store, notify, clock, onTrouble: () => {} }),
    replace: options.noFleet ? undefined : () => void done.push("replace"),
    owned: () => ("owned" in options ? options.owned : "r2"),
    deploying: () => options.deploying ?? false,
  });
  return {
    ...{ done, notices, recorder, watchdog },
    recover: () => {
      well = true;
    },
    failing: async (seconds: number) => {
      let over = false;
      void watchdog.failing(seconds, "HTTP 500").then(() => {
        over = true;
      });
      // S3 is real: its answers take their time, whatever the clock says.
      while (!over) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        await clock.advance(100);
      }
    },
  };
}

test("restart after a minute, replacement after two; the reason is in the bucket", async () => {
  const { done, failing, notices, recorder } = await machine("i-1", { lastKnownGood: "r2" });
  await failing(60);
  expect(done).toEqual(["restart r2"]);
  await failing(120);
  expect(done).toEqual(["restart r2", "replace"]);
  const { value } = await readDocument(local.store, replacementsDocument);
  expect(value?.given).toMatchObject([
    { instance: "i-1", reason: "r2 has not answered for 120 s: HTTP 500" },
  ]);
  await failing(180);
  expect(value?.given).toHaveLength(1);
  expect(notices).toMatchObject([{ kind: "replacing" }]);
  expect(recorder.value?.events?.filter((e) => e.text.includes("asks to be replaced"))).toHaveLength(1);
});

test("a release that never was good gives way to the one before; what helped may be tried again later", async () => {
  const { done, failing, watchdog } = await machine("i-1", { lastKnownGood: "r1" });
  await failing(60);
  await failing(120);
  expect(done).toEqual(["restart r2", "serve r1"]);
  watchdog.recovered();
  await failing(60);
  expect(done.at(-1)).toBe("restart r2");
});

test("nothing is done about an app whose answers are held for its state: it is well", async () => {
  const { done, failing } = await machine("i-1", { lastKnownGood: "r2", held: true });
  for (const seconds of [60, 120, 180]) await failing(seconds);
  expect(done).toEqual([]);
});

test("when the budget is spent it stays up with a 503 page, says so once, and serves again when the app does", async () => {
  const at = new Date(clock.now()).toISOString();
  const given = ["i-7", "i-8", "i-9"].map((instance) => ({ instance, at, reason: "hung" }));
  await updateDocument(local.store, replacementsDocument, () => ({ version: 1, given, starts: [] }));
  const { done, failing, notices, recorder, recover } = await machine("i-1", { lastKnownGood: "r2" });
  for (const seconds of [60, 120, 180]) await failing(seconds);
  expect(done).toEqual(["restart r2", "hide"]);
  expect(recorder.value).toMatchObject({ state: "unavailable", blame: expect.stringContaining("budget") });
  // An alert is written to S3 first, beside the work.
  await vi.waitFor(() => expect(notices.map((n) => n.kind)).toEqual(["budget-spent"]), WAIT);
  recover();
  await clock.advance(10_000);
  await vi.waitFor(() => expect(done.at(-1)).toBe("show r2"), WAIT);
  expect(recorder.value).toMatchObject({ state: "serving" });
  expect(recorder.value).not.toHaveProperty("blame");
});

test("a notice that no one takes holds up nothing", async () => {
  const { done, failing } = await machine("i-1", { lastKnownGood: "r2", deaf: true });
  await failing(60);
  await failing(120);
  expect(done).toEqual(["restart r2", "replace"]);
});

test("the budget is the site's: of four machines that fail in an hour three are replaced", async () => {
  const outcomes: (string | undefined)[] = [];
  for (const instance of ["i-1", "i-2", "i-3", "i-4"]) {
    const { done, failing } = await machine(instance, { lastKnownGood: "r2" });
    await failing(60);
    await failing(120);
    outcomes.push(done.at(-1));
  }
  expect(outcomes).toEqual(["replace", "replace", "replace", "hide"]);
});

test("during a deploy the app is restarted, but neither release nor machine is changed", async () => {
  const { done, failing } = await machine("i-1", { deploying: true });
  for (const seconds of [60, 120, 180]) await failing(seconds);
  expect(done).toEqual(["restart r2"]);
});

test("an instance that does not own the site leaves its app alone", async () => {
  const { done, failing } = await machine("i-1", { owned: undefined });
  await failing(120);
  expect(done).toEqual([]);
});

test("a machine that no fleet would replace stays up", async () => {
  const { done, failing } = await machine("i-1", { lastKnownGood: "r2", noFleet: true });
  await failing(60);
  await failing(120);
  expect(done).toEqual(["restart r2", "hide"]);
});
