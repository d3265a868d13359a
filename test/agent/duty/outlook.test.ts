import { expect, test } from "vitest";
import { Outlook } from "../../../agent/duty/outlook.ts";
import type { DeployState } from "../../../agent/site/documents/deploy-state.ts";

const deploy = (kind: DeployState["kind"]): DeployState => ({
  ...{ version: 1, id: "d-1", by: "ann@laptop", step: "boot", kind, state: "running", nonce: "n" },
  ...{ started: "2026-11-21T12:00:00.000Z", heartbeat: "2026-11-21T12:00:00.000Z" },
});

test("a hand-over is near while a swap runs, and for good once this instance is to be left", () => {
  const outlook = new Outlook(deploy("swap"));
  expect([outlook.handOverNear, outlook.deploying]).toEqual([true, true]);
  outlook.deploys(deploy("in-place"));
  expect([outlook.handOverNear, outlook.deploying]).toEqual([false, true]);
  outlook.deploys(undefined);
  expect([outlook.handOverNear, outlook.deploying]).toEqual([false, false]);
  outlook.leave("sick");
  expect(outlook.handOverNear).toBe(true);
});

test("a reason to leave is acted on if it says more than the one before; an interruption always", () => {
  const outlook = new Outlook(undefined);
  const acts = (["sick", "sick", "rebalance", "sick", "rebalance", "interruption"] as const).map((reason) =>
    outlook.leave(reason),
  );
  expect(acts).toEqual([true, false, true, false, false, true]);
  expect(outlook.leave("rebalance")).toBe(false);
  expect(outlook.leave("interruption")).toBe(true);
});
