import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect } from "../../../provisioner/aws/connect.ts";
import { isRunning, untilServed, whileStopped } from "../../../provisioner/deploy/stopped.ts";
import { Timeline } from "../../../provisioner/deploy/timeline.ts";
import { openSwapSite, type SwapSite } from "./swapping.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let site: SwapSite;
beforeEach(async () => {
  site = await openSwapSite();
});
afterEach(async () => {
  expect(site.cloud.faults()).toEqual([]);
  await site.close();
});

const stopped = async <T>(work: () => Promise<T>): Promise<T> => {
  const aws = await connect(site.config, site.tools.clock);
  const timeline = new Timeline(site.tools.terminal, site.tools.clock);
  try {
    return await whileStopped(site.config, aws, site.tools, timeline, work);
  } finally {
    aws.close();
  }
};

test("nothing runs and nothing is launched while the work goes on; then the next instance has the site", async () => {
  const before = await site.site();
  const seen = await stopped(async () => ({ ...(await site.fleet()), lock: (await site.lock())?.state }));
  expect(seen).toEqual({ alive: [], target: 0, lock: "running" });
  expect((await site.lock())?.state).toBe("done");
  const aws = await connect(site.config, site.tools.clock);
  const timeline = new Timeline(site.tools.terminal, site.tools.clock);
  const next = await untilServed(site.config, aws, site.tools, before?.epoch ?? 0, timeline);
  expect(next).not.toBe(before?.owner);
  expect(await isRunning(aws)).toBe(true);
  aws.close();
  expect((await site.fleet()).alive).toEqual([next]);
});

test("when the work fails, an instance is launched all the same, and the next command is not in its way", async () => {
  const failing = stopped(() => Promise.reject(new Error("the log is not what it was")));
  await expect(failing).rejects.toThrow("the log is not what it was");
  expect((await site.fleet()).target).toBe(1);
  expect((await site.lock())?.state).toBe("failed");
  expect(await stopped(async () => "done")).toBe("done");
});
