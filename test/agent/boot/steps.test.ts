import { readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootSteps } from "../../../agent/boot/steps.ts";
import { answerYield } from "../../../agent/jobs/yield.ts";
import { runGraph, StepFailed } from "../../../agent/record/graph.ts";
import { logged } from "../../../agent/record/logged.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { maintenanceDocument } from "../../../agent/site/documents/maintenance.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { yieldDocument } from "../../../agent/site/jobs/yield.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";
import { bootConfigOf } from "../boot-config.ts";
import { DOMAIN, stored, TestInstance } from "../machine/instance.ts";
import { runSteps } from "./run-steps.ts";

const ME = "i-00000001";
const log = pino({ level: "silent" });
const launched = new Date("2026-11-21T11:00:00Z");

let on: TestInstance;
let clock: IdleClock;
beforeEach(async () => {
  clock = new IdleClock();
  on = await TestInstance.open(() => clock.now());
  on.fleet.add(ME, launched);
  await on.publish("r1");
  await on.setChannel({ candidate: { id: "r1", attempts: [] } });
});
afterEach(async () => {
  await on.close();
  clock.stop();
});

const run = (config = bootConfigOf({ domain: DOMAIN, app: { timeout: 1 } })) =>
  runSteps(on, clock, ME, config);

test("a candidate that works serves, owns the site, and is current", async () => {
  const { outcome, record, step } = await run();
  expect(outcome).toEqual({ launched, release: "r1", epoch: 1, replaced: undefined, ttl: 60, trusted: true });
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r1" });
  expect(await readlink(on.apps.links.release)).toBe(join(on.apps.folder, "releases/r1"));
  expect(await on.address()).toEqual(["203.0.113.1"]);
  expect(await on.site()).toMatchObject({ owner: ME, epoch: 1, release: "r1", state: "serving" });
  const channel = await on.channel();
  expect(channel).toMatchObject({ current: "r1", quarantined: [] });
  expect(channel?.candidate).toBeUndefined();

  expect(record?.steps.filter((s) => s.state !== "done")).toEqual([]);
  expect(record).toMatchObject({
    ...{ instance: ME, base: "ami-01234567", release: "r1", epoch: 1, warnings: [] },
    launched: launched.toISOString(),
    certificate: { serial: "aa", source: "stored" },
  });
  expect(step("identity")?.detail).toBe(`${ME}, t3.micro in us-east-1a, 203.0.113.1`);
  expect(step("packages")?.detail).toBe("all there");
  expect(step("release")?.detail).toMatch(/^r1 \(candidate\) from the bucket, 0\.0 MB$/);
  expect(step("gunicorn")?.detail).toBe("the release brings it");
  expect(step("secrets")?.detail).toBe("1 from the Parameter Store");
  expect(step("prepare")?.needs).toEqual(["gunicorn", "isolation", "secrets", "release"]);
  const environment = await readFile(join(on.apps.folder, "environment/r1.env"), "utf8");
  expect(environment).toContain("s3cret");
});

test("a machine that comes during maintenance is in it before anybody can come, and takes the site over", async () => {
  await updateDocument(on.local.store, maintenanceDocument, () => ({
    ...{ version: 1 as const, on: true, since: "2026-11-21T11:00:00Z", by: "ann@laptop" },
    ...{ allow: ["203.0.113.7"], page: "<p>soon" },
  }));
  const { outcome, step } = await run();
  expect(on.done).toContain("open stored in maintenance");
  expect(step("maintenance")?.detail).toBe("on, by ann@laptop");
  expect(outcome?.epoch).toBe(1);
});

test("a site with a worker passes over once the one before says that its own has ended", async () => {
  await run();
  const config = bootConfigOf({
    ...{ domain: DOMAIN, app: { timeout: 1 } },
    worker: { queue: { run: "celery worker", stop: 5 } },
  });
  const next = "i-00000009";
  on.fleet.add(next, new Date(launched.getTime() + 60_000));
  let owner: string | undefined;
  const answering = (async () => {
    for (;;) {
      const { value } = await readDocument(on.local.store, yieldDocument);
      if (value !== undefined) {
        expect(value).toMatchObject({ by: next, of: ME });
        owner = (await on.site())?.owner;
        return answerYield(on.local.store, clock, value.id);
      }
      await clock.sleep(1_000);
    }
  })();
  const { outcome, step } = await runSteps(on, clock, next, config);
  await answering;
  expect([owner, outcome?.epoch]).toEqual([ME, 2]);
  expect(step("jobs")?.detail).toBe(`those of ${ME} have ended`);
  // No one else is there who could have any.
  const again = await runSteps(on, clock, next, config);
  expect(again.step("jobs")?.detail).toBe("no instance has any that would have to end");
});

test("what cannot be read of maintenance keeps no machine from serving", async () => {
  await on.local.store.put(maintenanceDocument.key, '{"version": 2}');
  const { outcome, record } = await run();
  expect(outcome?.epoch).toBe(1);
  expect(record?.warnings.join()).toContain("whether maintenance is on could not be found out");
  expect(on.done).toContain("open stored");
});

test("no one is sent to an app before it answers, and the site is not claimed before it answers through nginx", async () => {
  on.frontDoor = new Error("connect ECONNREFUSED");
  const { failure } = await run();
  expect(failure).toMatchObject({ step: "self-probe" });
  expect(await on.site()).toBeUndefined();
  expect(await on.address()).toBeUndefined();
  expect((await on.channel())?.candidate?.id).toBe("r1");

  on.frontDoor = undefined;
  await on.publish("r2");
  await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  on.apps.answers.set("r2", 500);
  await on.apps.end("r1");
  const second = await run();
  expect(second.failure).toMatchObject({ step: "healthy" });
  expect(await readlink(on.apps.links.socket)).toBe(on.apps.socketOf("r1"));
  expect(on.apps.running).toEqual([]);
});

test("an agent that restarts on a machine that serves stays with what serves", async () => {
  await run();
  await on.publish("r2");
  await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  const before = on.apps.log.length;
  const { outcome, step } = await run();
  expect(outcome).toMatchObject({ release: "r1", epoch: 1 });
  expect(step("release")?.detail).toBe("r1 (running) from the disk");
  expect(on.apps.log.slice(before)).toEqual([]);
});

test("a site that another instance owns rightly is left to it, and the release is not promoted", async () => {
  await run();
  on.fleet.add("i-00000009", new Date(launched.getTime() + 60_000));
  const { machine, recorder } = on.agent(clock, "i-00000009");
  const steps = bootSteps(machine, recorder);
  await runGraph(steps.all, logged(recorder, log, "boot"), new AbortController().signal);
  recorder.close();
  const { outcome } = await run();
  expect(outcome?.epoch).toBeUndefined();
  expect(await on.site()).toMatchObject({ owner: "i-00000009", epoch: 2 });
});

test("an older release that serves because newer ones failed, and a certificate no one trusts, are warned of", async () => {
  await on.setChannel({ lastKnownGood: "r1", quarantined: [] });
  on.certificate = async () => ({ ...stored, source: "self-signed", warnings: ["the CA is down"] });
  const { record } = await run();
  expect(record?.warnings).toEqual(
    expect.arrayContaining([
      "certificate: the CA is down",
      "release: serving release r1 (lastKnownGood) because newer ones failed",
    ]),
  );
  expect(record?.certificate?.source).toBe("self-signed");
  expect(on.done).toEqual(["open self-signed"]);
});

describe("the first certificate of a site", () => {
  const none = { ...stored, source: "self-signed" as const, serial: "00", waits: true as const };
  let ordered: string[];
  beforeEach(() => {
    ordered = [];
    on.certificate = async (first) => {
      ordered.push(`${first}, ${on.apps.running.length} apps`);
      return first === "later" ? none : { ...stored, source: "issued", changed: true };
    };
  });

  test("is ordered once the app answers, and is there before the site is claimed", async () => {
    const { outcome, record, step } = await run();
    expect(ordered).toEqual(["later, 0 apps", "now, 1 apps"]);
    expect(on.done).toEqual(["open self-signed", "open issued"]);
    expect(step("certificate")?.detail).toBe("none yet: the first is ordered once the app answers");
    expect(record?.certificate?.source).toBe("issued");
    expect(outcome?.trusted).toBe(true);
  });

  test("is not ordered for an app that does not work, however often it is tried", async () => {
    on.apps.answers.set("r1", 500);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect((await run()).failure).toMatchObject({ step: "healthy" });
    }
    expect(ordered.filter((o) => o.startsWith("now"))).toEqual([]);
  });
});

test("packages are kept for the next machine before the release is current, or it is said that they are not", async () => {
  const seen: (string | undefined)[] = [];
  const { machine, recorder } = on.agent(clock, ME);
  machine.packages.keep = async () => {
    seen.push((await on.channel())?.current, (await on.site())?.owner);
    throw new Error("S3: 503");
  };
  const { all } = bootSteps(machine, recorder);
  await runGraph(all, logged(recorder, log, "boot"), new AbortController().signal);
  recorder.close();
  expect(seen).toEqual([undefined, ME]);
  expect((await on.channel())?.current).toBe("r1");
  expect(recorder.value?.warnings).toEqual([
    "promote: until the packages are kept, a replacement needs the package mirror: S3: 503",
  ]);
});

test("before_start runs once for a release on a machine, before its app", async () => {
  const config = bootConfigOf({
    domain: DOMAIN,
    app: { timeout: 1, beforeStart: ["python3 manage.py migrate"] },
  });
  const first = await run(config);
  expect(first.step("prepare")?.detail).toBe("1 command");
  expect(on.apps.log).toEqual(["start everspot-prepare@r1.service", "start everspot-app@r1.service"]);
  expect((await run(config)).step("prepare")?.detail).toBe("done before");
});

test("a project's own settings of gunicorn are named, and suspected where it never listens", async () => {
  await on.publish("r1", { "gunicorn.conf.py": "workers = 1\n" });
  expect((await run()).step("app")?.detail).toBe("with the project's own gunicorn.conf.py");
  await on.publish("r2", { "gunicorn.conf.py": "daemon = True\n" });
  await on.apps.end("r1");
  await on.setChannel({ candidate: { id: "r2", attempts: [] } });
  on.apps.answers.set("r2", "deaf");
  expect((await run()).failure).toMatchObject({
    step: "healthy",
    hint: expect.stringMatching(/^gunicorn never listened on its socket; the project's own gunicorn.conf.py/),
  });
  await on.apps.end("r2");
  on.apps.answers.set("r2", "ends");
  expect((await run()).failure).toMatchObject({
    step: "app",
    hint: expect.stringMatching(/could not be imported; the project's own gunicorn.conf.py is in force$/),
  });
});

test("secrets that cannot be read stop the app, not the rest, and blame their step", async () => {
  on.secrets = async () => {
    throw new EverspotError("SSM: access denied", { hint: "run `everspot up`" });
  };
  const { failure, step } = await run();
  expect(failure).toBeInstanceOf(StepFailed);
  expect(failure).toMatchObject({ step: "secrets", hint: "run `everspot up`" });
  expect(step("prepare")).toBeUndefined();
  expect(on.apps.running).toEqual([]);
});

test("without a release there still is a front door: `serving` needs none", async () => {
  await on.setChannel({});
  const { failure, steps, recorder, machine } = await run();
  expect(failure).toMatchObject({ step: "release", message: "no release was published yet" });
  on.done.length = 0;
  await runGraph(steps.serving, logged(recorder, log, "boot"), new AbortController().signal);
  expect(on.done).toEqual(["open stored"]);
  expect(machine.identity.instance).toBe(ME);
});

const one = { timeout: 1, workers: 1 };
const strict = bootConfigOf({ domain: DOMAIN, app: { ...one, strict: true } });
/** Where the app's one worker says what it holds. */
const facts = () => join(on.apps.folder, "worker-7.json");
const DEBUG = JSON.stringify({ debug: true });

test("what visitors would see amiss is a warning, and not looked for again by the machine that comes next", async () => {
  await writeFile(facts(), DEBUG);
  const plain = bootConfigOf({ domain: DOMAIN, app: one });
  const first = await run(plain);
  expect(first.failure).toBeUndefined();
  expect(first.record?.warnings).toEqual([expect.stringMatching(/^look: DEBUG is on/)]);
  expect(first.step("look")?.detail).toBe("1 odd");
  expect((await on.channel())?.current).toBe("r1");

  await rm(facts());
  const second = await run(plain);
  expect(second.step("look")?.detail).toBe("1 odd, seen before");
  expect(second.record?.warnings).toEqual(first.record?.warnings);
  // With another configuration it may be another site.
  const third = await run(bootConfigOf({ domain: DOMAIN, app: { ...one, env: { A: "b" } } }));
  expect(third.step("look")?.detail).toBe("nothing odd");
});

test("[app] strict refuses a candidate for it before anyone is sent there, but not what serves", async () => {
  await writeFile(facts(), DEBUG);
  const { failure, record } = await run(strict);
  expect(failure).toMatchObject({ step: "look", blame: expect.stringMatching(/^look: DEBUG is on/) });
  expect(record?.warnings).toHaveLength(1);
  expect(await on.site()).toBeUndefined();
  expect((await on.channel())?.current).toBeUndefined();
  // It answers; the next try must not stay with it for that.
  expect((await run(strict)).failure).toMatchObject({ step: "look" });
  expect(on.apps.running).toEqual([]);

  await on.setChannel({ current: "r1", lastKnownGood: "r1" });
  const healed = await run(strict);
  expect(healed.failure).toBeUndefined();
  expect(healed.record?.warnings).toHaveLength(1);
  expect(await on.site()).toMatchObject({ owner: ME, release: "r1" });
});
