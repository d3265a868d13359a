import { afterEach, beforeEach, expect, test } from "vitest";
import { runDown } from "../../provisioner/commands/down.ts";
import { runUp } from "../../provisioner/commands/up.ts";
import { type Desk, openDesk } from "./site.ts";

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

const noWait = { refreshImage: false, wait: false, timeout: 1 };

test("up makes the site, up again changes nothing, down leaves nothing", async () => {
  await runUp(desk.config, desk.tools, noWait);
  console.log(desk.said(), desk.json());
  await desk.cloud.settled();
  const mark = desk.cloud.mark();
  await runUp(desk.config, desk.tools, noWait);
  expect(desk.cloud.writes(mark).map((c) => c.operation)).toEqual([]);
  await runDown(desk.config, desk.tools, { deleteData: true });
  console.log(desk.said(), desk.json());
});
