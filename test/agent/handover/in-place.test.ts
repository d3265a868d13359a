import { mkdir, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { swapInPlace } from "../../../agent/handover/in-place.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { replacementsDocument } from "../../../agent/site/replacements.ts";
import { pointLink } from "../../../agent/system/files.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";
import { bootConfigOf } from "../boot-config.ts";
import { DOMAIN, identityOf, TestInstance } from "../machine/instance.ts";

const INSTANCE = "i-0123456789abcdef0";

let on: TestInstance;
let clock: IdleClock;
beforeEach(async () => {
  clock = new IdleClock();
  on = await TestInstance.open(() => clock.now());
  for (const id of ["r1", "r2"]) await on.publish(id);
  await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  await mkdir(release("r1"), { recursive: true });
  await serve("r1");
});
afterEach(async () => {
  await on.close();
  clock.stop();
});

const release = (id: string) => join(on.apps.folder, "releases", id);

/** As a boot left it. */
async function serve(id: string): Promise<void> {
  await on.apps.begin(id);
  await pointLink(on.apps.links.release, release(id));
  await pointLink(on.apps.links.socket, on.apps.socketOf(id));
}

/** An agent that was started just now. @param probe instead of the app's own answer. */
function agent(
  probe?: () => Promise<{ milliseconds: number }>,
  config = bootConfigOf({ domain: DOMAIN, app: { timeout: 1, workers: 1 } }),
) {
  const stop = new AbortController();
  const { machine, recorder } = on.agent(clock, INSTANCE, config);
  if (probe !== undefined) machine.host.probe = async () => ({ ...(await probe()), distrust: undefined });
  const swap = (running: string, id = "r2") =>
    swapInPlace({ deploy: "d-1", release: id }, running, {
      ...{ machine, recorder, log: pino({ level: "silent" }), signal: stop.signal },
    });
  return { swap, stop, recorder, warnings: () => recorder.value?.warnings };
}

test("the candidate takes over: links, channel and record say so, and the old app has ended", async () => {
  const { swap } = agent();
  expect(await swap("r1")).toBe(true);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r2" });
  expect(await readlink(on.apps.links.release)).toBe(release("r2"));
  expect(on.apps.running).toEqual(["r2"]);
  const after = await on.channel();
  expect(after).toMatchObject({ current: "r2", previous: "r1" });
  expect(after?.candidate).toBeUndefined();
});

test("what serves is what was asked for already: nothing is stopped, however often machines died before", async () => {
  await agent().swap("r1");
  const died = Array.from({ length: 6 }, (_, i) => ({
    ...{ instance: `i-${i}`, release: "r2", at: new Date().toISOString() },
  }));
  await updateDocument(on.local.store, replacementsDocument, () => ({ version: 1, given: [], starts: died }));
  expect(await agent().swap("r2")).toBe(true);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r2" });
});

test("what was amiss with the old release is no warning any more once another one serves", async () => {
  const { swap, recorder, warnings } = agent();
  recorder.identify(identityOf(INSTANCE));
  recorder.warn("look: DEBUG is on");
  recorder.warn("certificate: served by another");
  expect(await swap("r1")).toBe(true);
  expect(warnings()).toEqual(["certificate: served by another"]);
});

test("[app] strict: a release that would be seen amiss is not switched to, and what is warned of is the old one's", async () => {
  await writeFile(join(on.apps.folder, "worker-7.json"), JSON.stringify({ debug: true }));
  const strict = bootConfigOf({ domain: DOMAIN, app: { timeout: 1, workers: 1, strict: true } });
  const { swap, recorder, warnings } = agent(undefined, strict);
  recorder.identify(identityOf(INSTANCE));
  recorder.warn("look: / answers 500");
  expect(await swap("r1")).toBe(false);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r1" });
  expect(warnings()).toEqual(["look: / answers 500"]);
  expect((await on.channel())?.quarantined).toMatchObject([
    { id: "r2", reason: expect.stringMatching(/^look: DEBUG is on/) },
  ]);
});

test("an app that does not answer 200 is stopped and quarantined, and the old one serves on", async () => {
  on.apps.answers.set("r2", 500);
  expect(await agent().swap("r1")).toBe(false);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r1" });
  expect(on.apps.running).toEqual(["r1"]);
  const after = await on.channel();
  expect(after?.current).toBe("r1");
  expect(after?.quarantined).toMatchObject([{ id: "r2", reason: expect.stringContaining("HTTP 500") }]);
});

test("a site that does not answer through its front door after the switch is switched back", async () => {
  const seen: string[] = [];
  const { swap } = agent(async () => {
    seen.push((await on.apps.visit()).release);
    throw new Error("HTTP 502");
  });
  expect(await swap("r1")).toBe(false);
  expect(seen).toEqual(["r2"]);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r1" });
  expect(await readlink(on.apps.links.release)).toBe(release("r1"));
  expect((await on.channel())?.quarantined).toMatchObject([{ id: "r2", reason: "HTTP 502" }]);
});

test("a release that is not the candidate any more is left alone", async () => {
  await on.setChannel({ current: "r1", candidate: { id: "r1", attempts: [] } });
  expect(await agent().swap("r1")).toBe(false);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r1" });
  expect((await on.channel())?.quarantined.map((q) => q.id)).not.toContain("r2");
});

test("a bucket that does not answer is not the release's fault", async () => {
  on.local.server.before((call) => {
    if (call.operation === "GetObject" && String(call.input.Key).endsWith("r2.json"))
      throw new AwsError("InternalError", "We encountered an internal error.", 500);
  });
  expect(await agent().swap("r1")).toBe(false);
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r1" });
  const after = await on.channel();
  expect(after?.quarantined).toEqual([]);
  expect(after?.candidate).toMatchObject({ id: "r2", attempts: [] });
});

test("killed before any of its calls to the bucket: the site is served, and the next agent brings it to its end", async () => {
  let left = Number.POSITIVE_INFINITY;
  let kill = () => {};
  on.local.server.before(() => {
    left -= 1;
    if (left >= 0) return;
    kill();
    throw new AwsError("Killed", "nobody hears this", 400);
  });
  const served: string[] = [];
  let calls = 0;
  for (let done = false; !done; calls++) {
    await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
    await updateDocument(on.local.store, replacementsDocument, () => ({ version: 1, given: [], starts: [] }));
    await serve("r1");
    await on.apps.end("r2");
    await rm(release("r2"), { recursive: true, force: true });

    const first = agent();
    kill = () => first.stop.abort(new Error("killed"));
    left = calls;
    done = await first.swap("r1").catch(() => false);
    left = Number.POSITIVE_INFINITY;
    const seen = await on.apps.visit();
    expect(seen.status, `killed before call ${calls}`).toBe(200);
    served.push(seen.release);
    // As the boot of the next agent has it: what serves is what the link says.
    if (!done) expect(await agent().swap(seen.release), `after call ${calls}`).toBe(true);
    expect(await on.apps.visit()).toEqual({ status: 200, release: "r2" });
    const after = await on.channel();
    expect(after).toMatchObject({ current: "r2", quarantined: [] });
    expect(after?.candidate).toBeUndefined();
  }
  expect(calls).toBeGreaterThan(8);
  expect(new Set(served)).toEqual(new Set(["r1", "r2"]));
});
