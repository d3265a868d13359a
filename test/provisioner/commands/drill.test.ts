import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { readDocument } from "../../../agent/site/document.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { interrupt } from "../../../provisioner/aws/interruption/interrupt.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runDrill } from "../../../provisioner/commands/drill.ts";
import { runHistory } from "../../../provisioner/commands/history.ts";
import { drillsDocument } from "../../../provisioner/history/drills.ts";
import type { Probe } from "../../../provisioner/operator/probe.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";

let open: SwapSite | undefined;
const folder = mkdtempSync(path.join(tmpdir(), "everspot-history-"));
afterEach(async () => {
  await open?.close();
  open = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Answers while the owner of the site runs. */
const outside =
  (site: SwapSite): Probe =>
  async () =>
    site.agents.alive.includes(site.owner() ?? "nobody")
      ? { status: 200 }
      : { error: "connect ECONNREFUSED" };

test("a drill terminates the owner, measures the gap, fails above the limit, and is in the history", async () => {
  open = await openSwapSite();
  const before = await open.site();
  const tools = { ...open.tools, probe: outside(open) };
  await runDrill(open.config, tools, { terminate: true, maxDowntime: undefined, timeout: 600 });
  const after = await open.site();
  expect(after?.owner).not.toBe(before?.owner);
  expect((await open.fleet()).alive).toEqual([after?.owner]);
  const drill = open.json();
  expect(drill).toMatchObject({ command: "drill", passed: true, from: before?.owner, to: after?.owner });
  expect(drill.failed).toBeGreaterThan(0);
  expect(drill.downtime).toBeGreaterThan(2);
  expect(drill.failures).toEqual({ "connect ECONNREFUSED": drill.failed });

  await expect(
    runDrill(open.config, tools, { terminate: true, maxDowntime: 1, timeout: 600 }),
  ).rejects.toMatchObject({
    message: expect.stringMatching(/the site was down for .* more than 1 s/),
    exitCode: 1,
  });
  expect(open.json()).toMatchObject({ command: "drill", passed: false, maxDowntime: 1 });
  expect((await readDocument(open.store, drillsDocument)).value?.drills).toHaveLength(2);

  const html = path.join(folder, "history.html");
  await runHistory(open.config, tools, { html });
  const kinds = (open.json().entries as { kind: string }[]).map((e) => e.kind).sort();
  expect(kinds).toEqual(["drill", "drill", "first", "replacement", "replacement"]);
  expect(readFileSync(html, "utf8")).toContain(before?.owner);
}, 60_000);

const withNotice = { terminate: false, maxDowntime: 1, timeout: 600 };

test("a spot instance gets AWS's own notice, and nothing of the drill is left", async () => {
  open = await openSwapSite();
  const { iam, fis, ec2 } = open.cloud;
  fis.propagationMs = 12_000;
  fis.templatePropagationMs = 6_000;
  const before = await open.site();
  const began = open.tools.clock.now();
  await runDrill(open.config, { ...open.tools, probe: outside(open) }, withNotice);
  const after = await open.site();
  expect(open.json()).toMatchObject({
    ...{ command: "drill", way: "interruption", passed: true, failed: 0, downtime: 0 },
    ...{ from: before?.owner, to: after?.owner },
  });
  expect(open.tools.clock.now() - began).toBeGreaterThan(120_000);
  expect(open.cloud.writes().filter((c) => c.operation === "TerminateInstances")).toEqual([]);
  expect(ec2.instances.list().find((i) => i.id === before?.owner)?.state).toBe("terminated");
  expect([...fis.experiments.values()].map((e) => e.state.status)).toContain("failed");
  expect(fis.templates.size).toBe(0);
  expect([...iam.entities.roles.keys()].filter((name) => name.endsWith("-drill"))).toEqual([]);
  expect(open.cloud.faults()).toEqual([]);
}, 60_000);

test.each([
  ["the role", "iam", "CreateRole"],
  ["the experiment", "fis", "CreateExperimentTemplate"],
  ["its start", "fis", "StartExperiment"],
])(
  "where %s is refused, the drill says so and terminates without notice",
  async (_, service, operation) => {
    open = await openSwapSite();
    open.cloud.wire.before((call) => {
      if (call.service === service && call.operation === operation) {
        throw new AwsError(
          "AccessDeniedException",
          `not authorized to perform: ${service}:${operation}`,
          403,
        );
      }
    });
    const { iam, fis } = open.cloud;
    await runDrill(
      open.config,
      { ...open.tools, probe: outside(open) },
      { ...withNotice, maxDowntime: undefined },
    );
    expect(open.json()).toMatchObject({ way: "terminate", failed: expect.any(Number) });
    expect(open.said()).toMatch(/no interruption with notice: .*not authorized/);
    expect(fis.templates.size).toBe(0);
    expect([...iam.entities.roles.keys()].filter((name) => name.endsWith("-drill"))).toEqual([]);
  },
  60_000,
);

test("Ctrl-C during the notice takes away what the drill made", async () => {
  open = await openSwapSite();
  const stop = new AbortController();
  open.cloud.wire.before((call) => {
    if (call.operation === "GetExperiment") queueMicrotask(() => stop.abort(new Error("stopped")));
  });
  const tools = { ...open.tools, probe: outside(open), interrupted: () => stop.signal };
  await expect(runDrill(open.config, tools, withNotice)).rejects.toThrow("stopped");
  const { iam, fis } = open.cloud;
  expect(fis.templates.size).toBe(0);
  expect([...iam.entities.roles.keys()].filter((name) => name.endsWith("-drill"))).toEqual([]);
  expect(open.cloud.writes().filter((c) => c.operation === "TerminateInstances")).toEqual([]);
}, 60_000);

test("what a drill left that was killed goes with `down`", async () => {
  open = await openSwapSite();
  const { iam, fis } = open.cloud;
  const aws = await connect(open.config);
  const [instance = ""] = open.agents.alive;
  const signal = new AbortController().signal;
  await interrupt(aws, instance, { region: open.config.region, clock: open.tools.clock, signal });
  aws.close();
  expect([fis.templates.size, iam.entities.roles.has("everspot-blog-drill")]).toEqual([1, true]);
  await runDown(open.config, open.tools, { deleteData: false });
  expect([fis.templates.size, iam.entities.roles.has("everspot-blog-drill")]).toEqual([0, false]);
  expect(open.json()).toMatchObject({ command: "down", leftovers: [] });
}, 60_000);

test("a site that does not answer is not drilled", async () => {
  open = await openSwapSite();
  const before = await open.site();
  const tools = { ...open.tools, probe: async () => ({ status: 502 }) };
  await expect(
    runDrill(open.config, tools, { terminate: true, maxDowntime: undefined, timeout: 600 }),
  ).rejects.toThrow(/does not answer even before the drill: HTTP 502/);
  expect((await open.fleet()).alive).toEqual([before?.owner]);
}, 60_000);
