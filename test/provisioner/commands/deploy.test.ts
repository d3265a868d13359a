import { GetObjectTaggingCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { channelDocument, withdrawCandidate } from "../../../agent/site/channel.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import type { SiteState } from "../../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { runDeploy } from "../../../provisioner/commands/deploy.ts";
import { runHistory } from "../../../provisioner/commands/history.ts";
import { runReleases } from "../../../provisioner/commands/releases.ts";
import { runRollback } from "../../../provisioner/commands/rollback.ts";
import { errorFinding, warningFinding } from "../../../provisioner/findings/finding.ts";
import type { Entry } from "../../../provisioner/history/entries.ts";
import { publishRelease } from "../../../provisioner/release/publish.ts";
import { deployOptions, openSwapSite, packed, type SwapSite } from "../deploy/swapping.ts";

// Each deploys once or twice, and every deploy is some hundred calls.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let site: SwapSite;
let before: SiteState;
beforeAll(async () => {
  site = await openSwapSite();
});
beforeEach(async () => {
  site.agents.next = "serves";
  site.tools.probe = async () => ({ status: 200 });
  site.tools.interrupted = () => new AbortController().signal;
  before = (await site.site()) ?? expect.fail("nobody has the site");
});
afterEach(() => {
  expect(site.agents.failures).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
});
afterAll(async () => {
  await site.close();
});

/** One instance, which has the site with the release; target 1; no one deploys. */
async function inOrder(release: string | undefined): Promise<void> {
  const { alive, target } = await site.fleet();
  const state = await site.site();
  expect({ alive, target }).toEqual({ alive: [state?.owner], target: 1 });
  expect(state).toMatchObject({ state: "serving", release });
  const channel = await site.channel();
  expect(channel?.current).toBe(state?.release);
  expect(channel?.candidate).toBeUndefined();
  expect((await site.lock())?.state).not.toBe("running");
}

/** The last deploys and rollbacks of the history. */
async function latest(count: number): Promise<Entry[]> {
  const json = site.json();
  await runHistory(site.config, site.tools, { html: undefined });
  const { entries } = site.json() as { entries: Entry[] };
  site.tools.terminal.json(json);
  return entries.filter((e) => /^(swap|rollback|in-place)$/.test(e.kind)).slice(0, count);
}

test("a deploy: a second instance takes the site over, the first forwards and goes", async () => {
  const probed: string[] = [];
  site.tools.probe = async (url) => {
    probed.push(url);
    return { status: 200 };
  };
  const mark = site.cloud.mark();
  await site.deploy("another");
  const calls = site.cloud.wire.calls.slice(mark).filter((call) => call.accessKeyId === "AKIATEST");
  const after = await site.site();
  await inOrder(after?.release);
  expect(after?.release).not.toBe(before.release);
  expect(after?.owner).not.toBe(before.owner);
  expect(await site.lock()).toMatchObject({
    state: "done",
    by: "ann@laptop",
    kind: "swap",
    old: before.owner,
  });
  const report = site.json();
  expect(report).toMatchObject({
    ...{ command: "deploy", result: "done", kind: "swap", instance: after?.owner },
    ...{ release: after?.release, previous: before.release },
    requests: { failed: 0 },
  });
  const steps = report.steps as {
    name: string;
    start: number;
    seconds: number;
    detail?: string;
  }[];
  expect(steps.map((s) => s.name)).toEqual([
    "look at the project",
    "pack",
    "compare the configuration",
    "publish",
    "launch a second instance",
    `boot with ${after?.release}`,
    "hand over",
    `let ${before.owner} forward for 5 s`,
    "one instance again",
    "check from outside",
  ]);
  expect(steps.find((s) => s.name === "hand over")?.detail).toBe(`${before.owner} forwards`);
  const began = (name: string) => steps.find((s) => s.name.startsWith(name))?.start ?? 0;
  const handedOver = began("hand over") + (steps.find((s) => s.name === "hand over")?.seconds ?? 0);
  expect(began("one instance") - handedOver).toBeGreaterThanOrEqual(4.9);
  expect(probed.length).toBeGreaterThan(5);
  expect(probed[0]).toBe("https://blog.example.com/");
  expect(site.said()).toMatch(/✓ publish \(r\d+-\w+, [\d.]+ s\)/);
  // It does not ask for the same thing again and again.
  const asked = (what: string) =>
    calls.filter((call) => `${call.operation} ${call.input.Key ?? ""}`.startsWith(what)).length;
  expect(asked("GetObject deploy.json")).toBeLessThanOrEqual(3);
  expect(asked("GetObject releases/")).toBeLessThanOrEqual(1);
  expect(asked("ListResourceRecordSets")).toBe(1);
  expect(asked("DescribeInstances")).toBeLessThanOrEqual(16);
  expect(calls.length).toBeLessThan(150);
});

test("[state] that is new does not leave behind what the running instance has written", async () => {
  const calls = site.cloud.writes().length;
  const state = {
    ...{ database: ["db.sqlite3"], mediaUrl: "/media/", durability: "fast" as const },
    budget: 3,
    history: "7d",
    pause: 10,
  };
  await expect(runDeploy({ ...site.config, state }, site.tools, deployOptions)).rejects.toMatchObject({
    message: "blog runs without [state]: what it has written would be left behind",
  });
  expect(site.cloud.writes()).toHaveLength(calls);
});

test("packing takes no lock: others may deploy meanwhile, and where it fails nothing was touched", async () => {
  const mark = site.cloud.mark();
  const tools = {
    ...site.tools,
    pack: async () => {
      expect((await site.lock())?.state).not.toBe("running");
      throw new EverspotError("uwsgi has no wheel");
    },
  };
  await expect(runDeploy(site.config, tools, deployOptions)).rejects.toThrow("uwsgi has no wheel");
  expect(site.cloud.writes(mark, "AKIATEST")).toEqual([]);
  expect(site.json()).toMatchObject({
    result: "failed",
    steps: [{ name: "look at the project" }, { name: "pack", state: "failed" }],
  });
});

test("what stands against the project is said with what stands against packing, before anything is touched", async () => {
  const mark = site.cloud.mark();
  const asked: unknown[] = [];
  const tools = {
    ...site.tools,
    inspect: async (_: unknown, secrets: readonly string[] | undefined) => {
      asked.push(secrets);
      const hint = "set it";
      const what = "the app does not start without COLOUR";
      const findings = [
        errorFinding("project.E009", what, { hint }),
        warningFinding("project.W001", "DEBUG is on", { hint }),
      ];
      return { findings, how: "asked it" };
    },
  };
  await expect(runDeploy(site.config, tools, deployOptions)).rejects.toThrow("without COLOUR (project.E009)");
  const unpackable = async () => {
    throw new EverspotError("uwsgi has no wheel");
  };
  const error = await runDeploy(site.config, { ...tools, pack: unpackable }, deployOptions).catch((e) => e);
  expect(error.lines).toEqual(
    expect.arrayContaining([
      expect.stringContaining("without COLOUR (project.E009)"),
      expect.stringContaining("uwsgi has no wheel (project.E005)"),
    ]),
  );
  expect(site.said()).toContain("DEBUG is on (project.W001)");
  expect(asked).toEqual([[], []]);
  expect(site.cloud.writes(mark, "AKIATEST")).toEqual([]);
});

test("content that is current already is not swapped in again, unless forced", async () => {
  const { owner } = before;
  const mark = site.cloud.mark();
  await site.deploy("another");
  expect(site.json()).toMatchObject({ result: "unchanged" });
  expect(site.cloud.writes(mark, "AKIATEST").map((c) => c.operation)).not.toContain("ModifyFleet");
  expect((await site.site())?.owner).toBe(owner);
  await site.deploy("another", { force: true });
  expect((await site.site())?.owner).not.toBe(owner);
  await inOrder(before.release);
});

test("a change of everspot.toml goes along in a new version of the launch template", async () => {
  site.config.app.env = { DEBUG: "0" };
  const mark = site.cloud.mark();
  await site.deploy("configured");
  const changes = site.cloud.writes(mark, "AKIATEST").filter((c) => c.operation === "ModifyFleet");
  // A fleet that is being changed takes no second change: the first has all.
  expect(changes[0]?.input).toMatchObject({
    LaunchTemplateConfigs: [expect.anything()],
    TargetCapacitySpecification: { TotalTargetCapacity: 2 },
  });
  await inOrder(site.json().release as string);
  const names = (site.json().steps as { name: string }[]).map((s) => s.name);
  expect(names).toContain("apply the configuration");
});

describe("a release that does not make it", () => {
  test("its code is bad: quarantined, the new instance gone, the reason and the last lines", async () => {
    site.agents.next = { blame: "gunicorn ended with 1", lines: ["ImportError: no module named blgo"] };
    await expect(site.deploy("bad")).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(
        /^r\d+-\w+ does not come up on i-\w+: app failed: gunicorn ended with 1$/,
      ),
      lines: ["ImportError: no module named blgo"],
    });
    await inOrder(before.release);
    expect((await site.site())?.owner).toBe(before.owner);
    expect((await site.channel())?.quarantined.at(-1)).toMatchObject({
      ...{ id: site.json().release, reason: "app: gunicorn ended with 1" },
    });
    expect(site.json()).toMatchObject({
      result: "failed",
      error: { lines: ["ImportError: no module named blgo"] },
    });
    expect(await site.lock()).toMatchObject({ state: "failed", reason: expect.stringContaining("gunicorn") });
    site.agents.next = "serves";
    await site.deploy("good");
    await inOrder(site.json().release as string);
  });

  test("it never answers: quarantined at the deadline", async () => {
    site.agents.next = "hangs";
    await expect(site.deploy("hangs", { timeout: 60 })).rejects.toMatchObject({
      message: expect.stringMatching(/is not served: not after 60 s/),
    });
    await inOrder(before.release);
    expect((await site.channel())?.quarantined.at(-1)?.reason).toBe("healthy did not end in 60 s");
  });

  test("something else fails twice: taken back, not blamed", async () => {
    site.agents.next = { trouble: "the mirror is down" };
    await expect(site.deploy("fine")).rejects.toMatchObject({
      message: expect.stringContaining("packages failed: the mirror is down"),
    });
    await inOrder(before.release);
    expect((await site.channel())?.quarantined.map((q) => q.id)).not.toContain(site.json().release);
  });

  test("no capacity: what AWS says; taken back, not blamed", async () => {
    for (const type of site.config.fleet.types) site.cloud.capacity(type, "us-east-1a", "none");
    await expect(site.deploy("fine")).rejects.toMatchObject({
      message: expect.stringMatching(/^no instance came: .*capacity/i),
      hint: expect.stringContaining("--in-place"),
    });
    for (const type of site.config.fleet.types) site.cloud.capacity(type, "us-east-1a", "available");
    await inOrder(before.release);
    expect((await site.channel())?.quarantined.map((q) => q.id)).not.toContain(site.json().release);
  });

  test("the account's quota is used up: which one, since other types count against it as well", async () => {
    const said = { code: "MaxSpotInstanceCountExceeded", message: "Max spot instance count exceeded" };
    site.cloud.capacity("*", "us-east-1a", said);
    await expect(site.deploy("fine")).rejects.toMatchObject({
      hint: expect.stringContaining("L-34B43A08"),
    });
    site.cloud.capacity("*", "us-east-1a", "available");
    await inOrder(before.release);
  });

  test("the configuration goes back with it", async () => {
    site.config.app.env = { DEBUG: "1" };
    site.agents.next = { blame: "bad", lines: [] };
    await expect(site.deploy("bad")).rejects.toThrow("bad");
    expect(site.said()).toContain("launch by version 2 of the launch template again");
    await inOrder(before.release);
  });

  test("the name does not answer in the end: exit 1, though the new one has the site", async () => {
    site.tools.probe = async () => ({ error: "certificate has expired" });
    await expect(site.deploy("unreachable")).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining("certificate has expired"),
    });
    await inOrder(site.json().release as string);
    expect(site.json()).toMatchObject({ result: "failed" });
  });
});

describe("who deploys", () => {
  test("two at once: the second is told who and since when", async () => {
    const first = site.deploy("first");
    while ((await site.lock())?.state !== "running") await new Promise((resolve) => setTimeout(resolve, 2));
    const started = (await site.lock())?.started;
    await expect(site.deploy("second")).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining(`ann@laptop has been deploying since ${started}`),
      hint: expect.stringContaining("--abort"),
    });
    await first;
    await inOrder(site.json().release as string);
  });

  test("a holder that was not heard of for two minutes is taken over, and named", async () => {
    await dead("bob@desktop");
    await expect(site.deploy("second")).rejects.toThrow(
      /^bob@desktop has been deploying since .*now at: boot with/,
    );
    // Not even packed.
    expect(site.json()).toMatchObject({ result: "failed", steps: [] });
    await site.tools.clock.sleep(121_000);
    await site.deploy("taken over");
    expect(site.said()).toContain("bob@desktop began to deploy at ");
    await inOrder(site.json().release as string);
    expect(await latest(2)).toMatchObject([
      { kind: "swap", ok: true, release: site.json().release },
      { kind: "swap", ok: false, text: expect.stringMatching(/by bob@desktop: abandoned/) },
    ]);
  });

  test("an aborted deploy stops where it is, and what it left is recovered", async () => {
    site.agents.next = "hangs";
    const deploy = site.deploy("second");
    const failed = expect(deploy).rejects.toMatchObject({
      message: expect.stringMatching(/had to stop: .* took over/),
    });
    while (site.agents.alive.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    await site.deploy("", { abort: true });
    expect(site.json()).toMatchObject({ aborted: true, holder: { by: "ann@laptop" }, target: 1 });
    await failed;
    await inOrder(before.release);
    expect(await site.lock()).toMatchObject({ state: "aborted" });
    await site.deploy("", { abort: true });
    expect(site.json()).toMatchObject({ aborted: false });
  });

  test("Ctrl-C puts everything back", async () => {
    const stop = new AbortController();
    site.tools.interrupted = () => stop.signal;
    site.agents.next = "hangs";
    const failed = expect(site.deploy("second")).rejects.toThrow("stopped");
    while (site.agents.alive.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    stop.abort(new Error("stopped"));
    await failed;
    await inOrder(before.release);
    expect(await site.lock()).toMatchObject({ state: "aborted" });
  });

  async function dead(by: string): Promise<void> {
    await updateDocument(site.store, deployDocument, (_, date) => {
      const time = new Date(date ?? site.tools.clock.now()).toISOString();
      return {
        ...({ version: 1, id: "x", kind: "swap", by, state: "running" } as const),
        ...{ step: "boot with r1", started: time, heartbeat: time },
      };
    });
  }
});

describe("in place", () => {
  test("the same instance serves the new release", async () => {
    await site.deploy("placed", { inPlace: true });
    await inOrder(site.json().release as string);
    expect((await site.site())?.owner).toBe(before.owner);
    expect(site.json()).toMatchObject({ kind: "in-place", result: "done", instance: before.owner });
  });

  test("one that fails is quarantined, and the old one serves on", async () => {
    site.agents.next = { blame: "HTTP 500", lines: ["Traceback"] };
    await expect(site.deploy("bad in place", { inPlace: true })).rejects.toMatchObject({
      message: expect.stringContaining("HTTP 500"),
      lines: ["Traceback"],
    });
    await inOrder(before.release);
    expect((await site.channel())?.quarantined.at(-1)?.id).toBe(site.json().release);
  });
});

describe("rollback", () => {
  const options = { id: undefined, inPlace: false, timeout: 600 };

  test("the release before goes through the same gate", async () => {
    await site.deploy("rolled back");
    await runRollback(site.config, site.tools, options);
    await inOrder(before.release);
    expect(site.json()).toMatchObject({ command: "rollback", result: "done" });
    expect(await latest(2)).toMatchObject([
      { kind: "rollback", ok: true, release: before.release, seconds: expect.any(Number) },
      { kind: "swap", ok: true, text: expect.stringContaining("by ann@laptop: done") },
    ]);
  });

  test("one that does not serve any more: it says so, and nothing changes", async () => {
    await site.deploy("kept");
    const kept = site.json().release as string;
    site.agents.behaviour.set(before.release ?? "", {
      blame: "the database is newer",
      lines: ["OperationalError"],
    });
    await expect(runRollback(site.config, site.tools, options)).rejects.toMatchObject({
      exitCode: 1,
      lines: ["OperationalError"],
    });
    await inOrder(kept);
    expect(site.json()).toMatchObject({ command: "rollback", result: "failed" });
  });

  test("nothing to go back to, or a name that is none", async () => {
    const current = { ...options, id: before.release };
    await expect(runRollback(site.config, site.tools, current)).rejects.toThrow(
      /is the current release already/,
    );
    const unknown = { ...options, id: "r000099-00000000" };
    await expect(runRollback(site.config, site.tools, unknown)).rejects.toThrow(
      "release r000099-00000000 is not in the bucket",
    );
    await inOrder(before.release);
  });
});

describe("a site that an on-demand instance bridges", () => {
  const fleets = async () => {
    const aws = await connect(site.config, site.tools.clock);
    const all = (await aws.fleets.settled()).filter((f) => f.alive);
    const alive = (await aws.instances.look()).filter((i) => i.alive);
    aws.close();
    return {
      total: all.find((f) => !f.bridge)?.target,
      bridge: all.find((f) => f.bridge)?.target,
      spot: alive.map((i) => i.spot),
    };
  };
  const owns = async (isThat: (owner: string) => boolean) => {
    for (;;) {
      expect(site.agents.failures).toEqual([]);
      const state = await site.site();
      if (state?.state === "serving" && isThat(state.owner)) return;
      await site.tools.clock.sleep(1000);
    }
  };

  /** As an owner that AWS takes away does it when there is no spot capacity. */
  async function bridge(): Promise<void> {
    const spot = (await site.fleet()).alive;
    site.cloud.capacity("*", "*", "none");
    const aws = await connect(site.config, site.tools.clock);
    const lender = (await aws.fleets.look()).find((f) => f.alive && f.bridge);
    await aws.fleets.change(lender?.id ?? "", { total: 1 });
    await owns((owner) => !spot.includes(owner));
    await aws.instances.terminate(spot);
    aws.close();
    expect(await fleets()).toEqual({ total: 1, bridge: 1, spot: [false] });
    before = (await site.site()) ?? expect.fail("nobody has the site");
  }

  test("a release that finds no spot instance leaves the bridge as it was", async () => {
    await bridge();
    await expect(site.deploy("no room on spot", { timeout: 60 })).rejects.toThrow(
      "is not served: not after 60 s",
    );
    await inOrder(before.release);
    expect((await site.site())?.owner).toBe(before.owner);
    expect(await fleets()).toEqual({ total: 1, bridge: 1, spot: [false] });
  });

  test("spot instances are back: the site returns to one, and a deploy ends the bridge", async () => {
    site.cloud.capacity("*", "*", "available");
    await owns((owner) => owner !== before.owner);
    await site.deploy("on spot again");
    await inOrder(site.json().release as string);
    expect(await fleets()).toEqual({ total: 1, bridge: 0, spot: [true] });
  });
});

test("releases: newest first, with what became of each", async () => {
  site.agents.next = { blame: "bad", lines: [] };
  await expect(site.deploy("very bad")).rejects.toThrow();
  await runReleases(site.config, site.tools);
  const { releases } = site.json() as { releases: { id: string; states: string[]; by: string }[] };
  expect(releases[0]).toMatchObject({
    ...{ states: ["quarantined"], by: "ann@laptop", quarantined: { reason: "app: bad" } },
  });
  expect(releases.find((r) => r.id === before.release)?.states).toContain("current");
  expect(releases.at(-1)?.by).toBe("ann@laptop");
});

test("releases beyond the newest ten may go, until one of them is to serve again", async () => {
  for (let i = 0; i < 10; i++) {
    const by = "ann@laptop";
    const { clock } = site.tools;
    const published = await publishRelease(site.store, packed(`filler ${i}`), { by, clock });
    await updateDocument(site.store, channelDocument, (c) => c && withdrawCandidate(c, published.id));
  }
  await site.deploy("the newest");
  const s3 = new S3Client({ region: "us-east-1", endpoint: site.cloud.endpoint });
  const at = { Bucket: "everspot-blog-123456789012-us-east-1" };
  const marked = async (key: string) =>
    ((await s3.send(new GetObjectTaggingCommand({ ...at, Key: key }))).TagSet ?? []).length > 0;
  const all = (await site.store.list("releases/")).map((o) => o.key).sort();
  const states = await Promise.all(all.map(marked));
  expect(states.filter(Boolean).length).toBeGreaterThan(0);
  // Nothing of the newest ten, nor what the site may go back to by itself.
  expect(states.slice(-20)).not.toContain(true);
  expect(await marked(`releases/${before.release}.zip`)).toBe(false);
  const old = all.find((key, i) => states[i] && key.endsWith(".zip"));
  const again = (old ?? "").replace(/^releases\/|\.zip$/g, "");
  await runRollback(site.config, site.tools, { id: again, inPlace: false, timeout: 600 }).catch(
    () => undefined,
  );
  expect(await marked(`releases/${again}.zip`)).toBe(false);
  s3.destroy();
});
