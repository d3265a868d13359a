import { afterEach, beforeEach, expect, test } from "vitest";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

const up = (config = desk.config) =>
  runUp(config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
/** Does what is asked for, and answers with a page of someone before it, for as long as the SDK tries. */
const answerLate = (operation: string) => {
  for (let nth = 1; nth <= 3; nth++) desk.cloud.wire.disturb("ec2", operation, { latePage: 503 }, nth);
};
const tokensOf = (operation: string) =>
  desk.cloud.wire.calls.filter((c) => c.operation === operation).map((c) => c.input.ClientToken);

test("what is asked for again after the SDK gave up has the same token, and is made once", async () => {
  for (const operation of ["CreateRouteTable", "CreateLaunchTemplate", "CreateFleet"]) answerLate(operation);
  await up();
  const { network, templates, fleets } = desk.cloud.ec2;
  const own = [...network.routeTables.values()].filter((t) => t.associations.some((a) => a.subnetId));
  expect([own.length, templates.all.size, fleets.all.size]).toEqual([1, 1, 1]);
  for (const operation of ["CreateRouteTable", "CreateLaunchTemplate", "CreateFleet"]) {
    const tokens = tokensOf(operation);
    expect(tokens.length).toBeGreaterThan(3);
    expect(new Set(tokens).size).toBe(1);
  }
});

test("a version of the template too; and the same wish later gets a token of its own", async () => {
  await up();
  const changed = parseConfig(`${MINIMAL}[fleet]\ndisk = 9\n`, desk.config.file);
  answerLate("CreateLaunchTemplateVersion");
  await up(changed);
  const tokens = tokensOf("CreateLaunchTemplateVersion");
  expect([tokens.length, new Set(tokens).size]).toEqual([4, 1]);
  await up();
  await up(changed);
  expect(new Set(tokensOf("CreateLaunchTemplateVersion")).size).toBe(3);
});
