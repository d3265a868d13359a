import { afterEach, describe, expect, test } from "vitest";
import type { BootStep } from "../../../agent/site/boot-record.ts";
import { ledgerDocument } from "../../../agent/site/certificates.ts";
import { createS3Client } from "../../../agent/site/s3-client.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { simulatedMachines } from "../../cloud/machines.ts";
import { AwsError, internalError, throttled } from "../../cloud/wire/server.ts";
import { report } from "../boot-record.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.close();
});

const options = { refreshImage: false, wait: true, timeout: 600 };

/** Opens a desk where every launched machine is announced to the agent of the test. */
async function withAgent(agent: (instance: string) => Promise<void>): Promise<Desk> {
  const machines = {
    ...simulatedMachines(),
    start: async ({ instanceId }: { instanceId: string }) => {
      void agent(instanceId);
    },
  };
  desk = await openDesk({ cloud: { machines } });
  return desk;
}

const step = (name: string, more: Partial<BootStep>): BootStep => ({
  phase: "boot",
  name,
  needs: [],
  start: 0,
  state: "done",
  ...more,
});

test("the boot is told step by step, and up ends when the site answers by name", async () => {
  const asked: string[] = [];
  const open = await withAgent(async (instance) => {
    const packages = step("packages", { seconds: 5.1, detail: "nginx from the mirror" });
    await report(instance, { steps: [{ ...packages, state: "running" }] });
    await seen(open, "was launched");
    await report(instance, { steps: [packages, step("app", { start: 5.1, state: "running" })] });
    await seen(open, "packages");
    expect(asked).toEqual([]);
    await report(instance, {
      state: "serving",
      steps: [packages, step("app", { start: 5.1, seconds: 0.8 })],
      warnings: ["serving the previous release"],
    });
  });
  const probe = async (url: string) => {
    asked.push(url);
    return asked.length < 3 ? { error: "getaddrinfo ENOTFOUND blog.example.com" } : { status: 200 };
  };
  await runUp(open.config, { ...open.tools, probe }, options);
  expect(open.said()).toMatch(
    /i-\w+ \(t3a?\.\w+ in us-east-1[ab]\) was launched\n {2}✓ packages: nginx from the mirror \(5\.1 s\)\n {2}✓ app \(0\.8 s\)\n! serving the previous release\n/,
  );
  expect(asked).toEqual(Array(3).fill("https://blog.example.com/"));
  expect(open.json()).toMatchObject({ status: 200, boot: { state: "serving" } });
});

/** So many seconds from now. */
const at = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();

/** What the site's ledger of certificates says. */
async function putLedger(attempts: object[]): Promise<void> {
  const names = ["blog.example.com", "www.blog.example.com"];
  const directories = { "https://acme.example/directory": attempts };
  const client = createS3Client({ region: "us-east-1" });
  const store = createS3Store(client, "everspot-blog-123456789012-us-east-1");
  await store.put(ledgerDocument(names).key, JSON.stringify({ version: 1, nonce: "n", names, directories }));
  client.destroy();
}

/** Until something was said on stderr. */
async function seen(open: Desk, text: string): Promise<void> {
  while (!open.said().includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("up ends with the reason", () => {
  test("a boot step that fails twice: its error, hint and last lines", async () => {
    const failed = step("app", {
      state: "failed",
      seconds: 2,
      error: "gunicorn ended with 1",
      hint: "look at the traceback",
      lines: ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'blgo'"],
    });
    const open = await withAgent(async (instance) => {
      await report(instance, { state: "failed", steps: [failed] });
      await seen(open, "app failed: gunicorn ended with 1");
      await report(instance, { state: "failed", attempt: 2, steps: [failed] });
    });
    await expect(runUp(open.config, open.tools, options)).rejects.toMatchObject({
      message: expect.stringMatching(/^i-\w+ does not come up: app failed: gunicorn ended with 1$/),
      hint: "look at the traceback",
      lines: failed.lines,
      exitCode: 1,
    });
    expect(open.said()).toContain("attempt 2");
  });

  test("no spot capacity: what AWS says, and which way out", async () => {
    const open = await withAgent(async () => {});
    for (const type of open.config.fleet.types) {
      for (const zone of ["us-east-1a", "us-east-1b"]) open.cloud.capacity(type, zone, "none");
    }
    const error = await runUp(open.config, open.tools, options).catch((e: unknown) => e);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^no instance came: .*capacity/i),
      hint: expect.stringContaining("[fleet] types"),
    });
    expect(open.said()).toMatch(/! AWS: .*capacity/i);
  });

  test.each([
    ["MaxSpotInstanceCountExceeded", "Max spot instance count exceeded", "L-34B43A08"],
    [
      "VcpuLimitExceeded",
      "You have requested more vCPU capacity than your current vCPU limit of 5 allows for the instance bucket that the specified instance type belongs to.",
      "L-1216C47A",
    ],
  ])("the quota of a new account, %s: which it is and how to raise it", async (code, message, quota) => {
    const open = await withAgent(async () => {});
    open.cloud.capacity("*", "*", { code, message });
    const error = await runUp(open.config, open.tools, options).catch((e: unknown) => e);
    expect(error).toMatchObject({ hint: expect.stringContaining(quota) });
    expect(error).toMatchObject({ hint: expect.not.stringContaining("[fleet] types") });
  });

  test("an agent that is never heard of: the last state, at the deadline", async () => {
    const open = await withAgent(async () => {});
    await expect(runUp(open.config, open.tools, { ...options, timeout: 5 })).rejects.toMatchObject({
      message: expect.stringMatching(
        /not after 5 s; last seen: i-\w+ is running, with no word from its agent yet/,
      ),
    });
  });

  test("an agent that is never heard of: what its instance printed, cleaned, at the deadline and before", async () => {
    const printed = [
      "\u001b[0;32m  OK  \u001b[0m] Reached target cloud-init.target\r",
      "::warning::no command of the runner",
      "curl: (22) https://hooks.example/T000/secret-part",
      "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG",
      "everspot: no agent yet, next try in 32 s",
    ];
    const machines = { ...simulatedMachines(), console: async () => printed.join("\n") };
    desk = await openDesk({
      toml: `${MINIMAL}[notify]\nurl = "https://hooks.example/T000/secret-part"\n`,
      cloud: { machines },
    });
    const error = await runUp(desk.config, desk.tools, { ...options, timeout: 300 }).catch((e: unknown) => e);
    const [instance = ""] = desk.cloud.ec2.instances.list().map((i) => i.id);
    const shown = [
      "  OK  ] Reached target cloud-init.target",
      ": :warning::no command of the runner",
      "curl: (22) [redacted]",
      "AWS_SECRET_ACCESS_KEY=[redacted]",
      "everspot: no agent yet, next try in 32 s",
    ];
    expect(error).toMatchObject({
      message: expect.stringContaining("no word from its agent yet"),
      lines: [`${instance}'s console:`, ...shown],
    });
    expect(desk.said()).toContain(
      `no word from the agent of ${instance} for 180 s; the end of its console:\n${shown.map((l) => `    ${l}\n`).join("")}`,
    );
    expect(desk.said().split("next try in 32 s")).toHaveLength(2);
    desk.forget();
    await runStatus(desk.config, desk.tools);
    expect(desk.json()).toMatchObject({ command: "status", console: { instance, lines: shown } });
  });

  test("a site that serves but cannot be reached from here", async () => {
    const open = await withAgent((instance) => report(instance, { state: "serving" }));
    const probe = async () => ({ error: "certificate has expired" });
    await expect(runUp(open.config, { ...open.tools, probe }, options)).rejects.toMatchObject({
      message: expect.stringMatching(
        /https:\/\/blog.example.com\/ does not answer .* certificate has expired/,
      ),
    });
  });
});

test("a machine that may borrow no CPU credits has longer to answer", async () => {
  const machines = {
    ...simulatedMachines(),
    start: ({ instanceId }: { instanceId: string }) => report(instanceId, { state: "serving" }),
  };
  const toml = `${MINIMAL}[fleet]\ntypes = ["t3.micro"]\ncredits = "standard"\n`;
  desk = await openDesk({ toml, cloud: { machines } });
  const { clock } = desk.tools;
  let first: number | undefined;
  const probe = async () => {
    first ??= clock.now();
    // A fifth of a processor: five times as long.
    return clock.now() - first < 600_000 ? { error: "connect ECONNREFUSED" } : { status: 200 };
  };
  await runUp(desk.config, { ...desk.tools, probe }, options);
  expect(desk.json()).toMatchObject({ status: 200 });
});

describe("what AWS does not know yet, or fails at, is waited for", () => {
  const serves = (instance: string) => report(instance, { state: "serving" });

  test("a fleet that is not listed yet: by the id that making it gave", async () => {
    desk = await openDesk({
      cloud: {
        delays: { fleetVisible: 60_000, fleetLaunch: 500 },
        machines: {
          ...simulatedMachines(),
          start: async ({ instanceId }: { instanceId: string }) => {
            void serves(instanceId);
          },
        },
      },
    });
    const asked: unknown[] = [];
    const { calls } = desk.cloud.wire;
    await runUp(desk.config, desk.tools, { ...options, timeout: 100_000 });
    for (const { operation, input } of calls) {
      if (operation === "DescribeFleetHistory") asked.push(input.FleetId);
    }
    expect(asked.length).toBeGreaterThan(0);
    expect(new Set(asked)).toEqual(new Set([expect.stringMatching(/^fleet-/)]));
  });

  test.each([
    ["NotFound", { error: new AwsError("InvalidInstanceID.NotFound", "The instance ID does not exist") }],
    ["throttling", { error: throttled() }],
    ["a server error", { error: internalError() }],
    ["a page in place of AWS's XML", { page: 503 }],
  ])("%s while the boot is followed", async (_, disturbance) => {
    const open = await withAgent(async (instance) => {
      await seen(open, "was launched");
      const { wire } = open.cloud;
      // The SDK tries three times.
      for (let nth = 1; nth <= 3; nth++) wire.disturb("ec2", "DescribeInstances", disturbance, nth);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await serves(instance);
    });
    await runUp(open.config, open.tools, { ...options, timeout: 100_000 });
    expect(open.json()).toMatchObject({ boot: { state: "serving" } });
  });
});

describe("a site that serves without a trusted certificate", () => {
  const certificate = { serial: "00", begins: at(0), expires: at(1), source: "self-signed" as const };
  const ordered = (more: object) =>
    putLedger([{ id: "a", by: "i-1", process: "p", at: at(0), lease: at(7 * 60), ...more }]);

  test("is waited for while its certificate is being ordered", async () => {
    const open = await withAgent(async (instance) => {
      await ordered({});
      await report(instance, { state: "serving", certificate });
      await seen(open, "still being ordered");
      await report(instance, { state: "serving", certificate: { ...certificate, source: "issued" } });
    });
    await runUp(open.config, open.tools, options);
    expect(open.json()).toMatchObject({ boot: { certificate: { source: "issued" } } });
    expect(open.said()).not.toContain("no certificate yet that visitors trust");
  });

  test("is not, once the order has failed", async () => {
    const open = await withAgent(async (instance) => {
      await ordered({ ended: at(5), outcome: "failed" });
      await report(instance, { state: "serving", certificate });
    });
    await runUp(open.config, open.tools, options);
    expect(open.said()).toContain("no certificate yet that visitors trust");
    expect(open.said()).not.toContain("still being ordered");
  });
});

test("a fleet is made only when EC2 may know the instance profile, if that is new", async () => {
  desk = await openDesk();
  const at = new Map<string, number>();
  const { clock } = desk.tools;
  desk.cloud.wire.before((call) => void at.set(call.operation, clock.now()));
  await runUp(desk.config, desk.tools, { ...options, wait: false });
  const since = (at.get("CreateFleet") ?? 0) - (at.get("AddRoleToInstanceProfile") ?? 0);
  expect(since).toBeGreaterThanOrEqual(15_000);
});

test("a server error without AWS's words is tried again for longer than the SDK does, and shown with its status", async () => {
  desk = await openDesk();
  const { wire } = desk.cloud;
  for (let nth = 1; nth <= 5; nth++) wire.disturb("ec2", "CreateRouteTable", { page: 503 }, nth);
  for (let nth = 1; nth <= 5; nth++) wire.disturb("ec2", "CreateLaunchTemplate", { page: 502 }, nth);
  await runUp(desk.config, desk.tools, { ...options, wait: false });
  expect([...desk.cloud.ec2.network.routeTables.values()].filter((t) => t.associations.length > 1)).toEqual([
    expect.anything(),
  ]);
  for (let nth = 1; nth <= 3; nth++) wire.disturb("ec2", "DescribeVpcs", { page: 503 }, nth);
  await expect(runUp(desk.config, desk.tools, options)).rejects.toMatchObject({
    message: "looking at the network: AWS did not say why it failed (HTTP 503)",
  });
});

test("an instance that AWS takes during the boot is reported, and its successor followed", async () => {
  const machines: string[] = [];
  const open = await withAgent(async (instance) => {
    machines.push(instance);
    if (machines.length === 2) {
      await report(instance, { state: "serving" });
      return;
    }
    await report(instance, { steps: [step("packages", { seconds: 1 })] });
    await seen(open, "packages");
    open.cloud.reclaimNow(instance);
  });
  await runUp(open.config, open.tools, options);
  expect(open.said()).toContain(`${machines[0]} is gone`);
  expect(open.json()).toMatchObject({ instance: machines[1] });
});
