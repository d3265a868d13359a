/** `everspot logs` over the local CloudWatch Logs, with the clock of the desk. */
import { RunInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { streamName } from "../../../agent/site/logs/streams.ts";
import { runLogs } from "../../../provisioner/commands/logs/logs.ts";
import type { LogsOptions } from "../../../provisioner/commands/logs/wanted.ts";
import { debianImages } from "../../cloud/ec2.ts";
import { client as ec2Client } from "../../cloud/ec2-site.ts";
import { simulatedMachines } from "../../cloud/machines.ts";
import { AwsError, throttled } from "../../cloud/wire/server.ts";
import { type Desk, openDesk, skippingClock } from "../site.ts";

const GROUP = "everspot-blog";
let desk: Desk;
let out = "";
/** How much of the output is read. */
let room = Number.POSITIVE_INFINITY;
let interrupted = new AbortController();

beforeAll(async () => {
  const clock = skippingClock();
  desk = await openDesk({
    clock,
    cloud: {
      clock,
      logs: { pageSize: 7 },
      machines: {
        ...simulatedMachines(),
        console: async () => "cloud-init: no network\n\u001b[31mboot failed\n",
      },
    },
  });
});
afterAll(() => desk.close());
beforeEach(() => {
  out = "";
  room = Number.POSITIVE_INFINITY;
  interrupted = new AbortController();
  desk.forget();
  desk.cloud.logGroups.groups.all.clear();
  desk.cloud.logGroups.groups.create(GROUP, {}, undefined);
});
afterEach(() => expect(desk.cloud.faults()).toEqual([]));

let events = 0;
/** @param ago seconds. */
function say(
  text: string,
  ago: number,
  source = "app",
  instance = "i-1",
  release: string | undefined = "r1",
) {
  const { groups } = desk.cloud.logGroups;
  const own = /^(app|job)/.test(source) ? release : undefined;
  const stream = streamName({ source, instance, release: own });
  const group = groups.find(GROUP);
  if (!group.streams.has(stream)) groups.createStream(GROUP, stream);
  const timestamp = desk.tools.clock.now() - ago * 1000;
  const id = String(++events).padStart(56, "0");
  group.streams.get(stream)?.events.push({ stream, timestamp, message: text, ingested: timestamp, id });
}
async function logs(options: Partial<LogsOptions & { json: boolean }> = {}): Promise<void> {
  const tools = {
    ...desk.tools,
    interrupted: () => interrupted.signal,
    stdio: {
      ...desk.tools.stdio,
      write: async (_: "stdout" | "stderr", bytes: Uint8Array) => {
        out += Buffer.from(bytes).toString("utf8");
        return out.length <= room;
      },
    },
  };
  await runLogs(desk.config, tools, { follow: false, json: false, ...options });
}
const refusal = async (options: Partial<LogsOptions>): Promise<EverspotError> =>
  logs(options).then(
    () => Promise.reject(new Error("it was not refused")),
    (error: EverspotError) => error,
  );
/** The words of each line, without its time. */
const shown = () =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\d\d-\d\d \d\d:\d\d:\d\d /, ""));

describe("the last lines", () => {
  test("are a hundred, oldest first, of all sources, and then it ends; no instance need live", async () => {
    for (let i = 0; i < 130; i++) say(`line ${i}`, 300 - i, i % 2 === 0 ? "app" : "access");
    await logs();
    expect(shown()).toHaveLength(100);
    expect(shown().slice(0, 2)).toEqual(["app    line 30", "access line 31"]);
    expect(shown().at(-1)).toBe("access line 129");
    expect(out.split("\n")[0]).toMatch(/^\d\d-\d\d \d\d:\d\d:\d\d app {4}line 30$/);
  });

  test("are those that were asked for", async () => {
    say("GET /a 200", 7300, "access");
    say("old", 7300);
    say("GET /b 500", 60, "access");
    say("Traceback", 59);
    say("nightly done", 58, "job:nightly");
    say("of another release", 57, "app", "i-1", "r2");
    say("of another instance", 56, "app", "i-2", "r2");
    const asked = async (options: Partial<LogsOptions>) => {
      out = "";
      await logs(options);
      return shown().map((line) => line.replace(/^\S+ +/, ""));
    };
    expect(await asked({ source: "access" })).toEqual(["GET /a 200", "GET /b 500"]);
    expect(await asked({ source: "job:nightly" })).toEqual(["nightly done"]);
    expect(await asked({ release: "r2", instance: "i-1" })).toEqual(["of another release"]);
    expect(await asked({ release: "r2" })).toEqual(["of another release", "i-2 --", "of another instance"]);
    expect(await asked({ source: "app", instance: "i-2" })).toEqual(["of another instance"]);
    expect(await asked({ grep: "^GET .* 5\\d\\d$" })).toEqual(["GET /b 500"]);
    expect(await asked({ lines: 2 })).toEqual(["of another release", "i-2 --", "of another instance"]);
    expect(await asked({ since: "2h", source: "access" })).toEqual(["GET /b 500"]);
    expect(await asked({ until: "1h" })).toEqual(["GET /a 200", "old"]);
    out = "";
    await logs({ source: "nginx" });
    expect([out, desk.said()]).toEqual(["", "no line of the log matches\n"]);
  });

  test("are all of them since a moment", async () => {
    for (let i = 0; i < 250; i++) say(`line ${i}`, 300 - i);
    await logs({ since: "10m" });
    expect(shown()).toHaveLength(250);
    out = "";
    await logs({ since: "10m", lines: 3 });
    expect(shown()).toHaveLength(3);
  });

  test("as one document, in which the text is as it was", async () => {
    say("\u001b[31mred\u001b[0m", 10);
    await logs({ json: true });
    expect(desk.json()).toMatchObject({
      ...{ command: "logs", site: "blog" },
      lines: [{ source: "app", instance: "i-1", release: "r1", text: "\u001b[31mred\u001b[0m" }],
    });
    expect(out).toBe("");
  });

  test("a line stays a line, whatever it says", async () => {
    say("GET / 200\rPOST /admin 200", 10);
    await logs();
    expect(out).toMatch(/GET \/ 200POST \/admin 200\n$/);
  });

  test("end quietly where no one reads", async () => {
    for (let i = 0; i < 300; i++) say(`line ${i}`, 300 - i);
    room = 10;
    await logs({ since: "10m" });
    expect(shown().length).toBeLessThan(20);
    await logs({ follow: true });
  });
});

describe("following", () => {
  test("shows what comes, once, also what comes late or is shown late, until Ctrl-C", async () => {
    for (let i = 0; i < 20; i++) say(`old ${i}`, 30 - i);
    const following = logs({ follow: true, lines: 2 });
    const sees = async (count: number) => {
      for (let i = 0; i < 500 && shown().length < count; i++) await new Promise((r) => setTimeout(r, 5));
      return shown().map((line) => line.replace(/^\S+ +/, ""));
    };
    expect(await sees(2)).toEqual(["old 18", "old 19"]);
    say("new 1", 0);
    expect(await sees(3)).toEqual(["old 18", "old 19", "new 1"]);
    desk.cloud.wire.disturb("logs", "FilterLogEvents", { error: throttled() });
    say("late", 5);
    say("GET /", 0, "access", "i-2");
    expect(await sees(6)).toEqual(["old 18", "old 19", "new 1", "late", "i-2 --", "GET /"]);
    interrupted.abort();
    await following;
  });

  test("with --json is a document a line", async () => {
    say("one", 10);
    say("two", 9);
    interrupted.abort();
    await logs({ follow: true, json: true });
    const documents = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { text: string });
    expect(documents.map((one) => one.text)).toEqual(["one", "two"]);
  });
});

describe("what is wrong is said", () => {
  test.each([
    [{ source: "db" }, /is not a source/],
    [{ instance: "web1" }, /is no instance/],
    [{ grep: "(" }, /--grep/],
    [{ since: "yesterday" }, /is no moment/],
    [{ since: "1h", until: "2h" }, /before --since/],
    [{ follow: true, until: "1h" }, /goes on without end/],
  ])("%o", async (options, message) => {
    const error = await refusal(options);
    expect(error.message).toMatch(message);
    expect([error.exitCode, error.hint]).toEqual([2, expect.any(String)]);
  });

  test("a site that has no log", async () => {
    desk.cloud.logGroups.groups.all.clear();
    const error = await refusal({});
    expect([error.message, error.exitCode]).toEqual(["the site has no log", 1]);
    expect(error.hint).toMatch(/everspot up/);
  });

  test("no permission", async () => {
    const denied = new AwsError(
      "AccessDeniedException",
      "not authorized to perform: logs:FilterLogEvents",
      400,
    );
    desk.cloud.wire.disturb("logs", "FilterLogEvents", { error: denied });
    expect((await refusal({})).message).toMatch(/reading the log: .*logs:FilterLogEvents/);
  });
});

test("of an instance that has said nothing yet, the end of its console", async () => {
  const ec2 = ec2Client(desk.cloud);
  const image = debianImages.find((i) => i.architecture === "amd64")?.id;
  const made = await ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: image, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 },
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "everspot:site", Value: "blog" }] }],
    }),
  );
  const id = made.Instances?.[0]?.InstanceId ?? "";
  say("of the one before", 3600);
  await logs();
  expect(desk.said()).toContain(`${id} has nothing in the log yet`);
  expect(shown()).toEqual([
    "app    of the one before",
    `-- ${id} --`,
    "console cloud-init: no network",
    "console boot failed",
  ]);
  desk.forget();
  out = "";
  await logs({ source: "app" });
  expect(out).not.toContain("console");
  await desk.tools.clock.sleep(1000);
  say("on duty", 0, "agent", id);
  out = "";
  await logs();
  expect(out).not.toContain("console");
  ec2.destroy();
});
