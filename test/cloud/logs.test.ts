import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  FilterLogEventsCommand,
  type FilterLogEventsCommandInput,
  ListTagsForResourceCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  paginateDescribeLogGroups,
  paginateDescribeLogStreams,
  paginateFilterLogEvents,
  TagResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Logs } from "./logs.ts";
import { WireServer } from "./wire/server.ts";

const GROUP = "everspot-blog";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let now = Date.parse("2030-01-01T12:00:00Z");
let server: WireServer;
let client: CloudWatchLogsClient;
beforeEach(async () => {
  now = Date.parse("2030-01-01T12:00:00Z");
  server = new WireServer();
  new Logs(server, { now: () => now, visibleMs: 1000, pageSize: 3 });
  await server.start();
  client = new CloudWatchLogsClient({ endpoint: server.endpoint, maxAttempts: 1 });
  await client.send(new CreateLogGroupCommand({ logGroupName: GROUP, tags: { a: "1" } }));
  await client.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: "app/i-1" }));
});
afterEach(async () => {
  expect(server.faults).toEqual([]);
  client.destroy();
  await server.stop();
});

const put = (events: readonly (readonly [at: number, text: string])[], stream = "app/i-1", group = GROUP) =>
  client.send(
    new PutLogEventsCommand({
      ...{ logGroupName: group, logStreamName: stream },
      logEvents: events.map(([timestamp, message]) => ({ timestamp, message })),
    }),
  );
async function found(input: Partial<FilterLogEventsCommandInput> = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const page of paginateFilterLogEvents({ client }, { logGroupName: GROUP, ...input }))
    texts.push(...(page.events ?? []).map((event) => event.message ?? ""));
  return texts;
}

describe("what is put", () => {
  test.each([
    ["no event", []],
    ["too many events", Array.from({ length: 10_001 }, () => [0, "x"] as const)],
    ["an event without a word", [[0, ""]] as const],
    [
      "times that go down",
      [
        [1, "a"],
        [0, "b"],
      ] as const,
    ],
    [
      "more than a day",
      [
        [-25 * HOUR, "a"],
        [0, "b"],
      ] as const,
    ],
    ["a byte too much, with 26 for each event", [[0, "x".repeat(1_048_576 - 25)]] as const],
  ])("is refused: %s", async (_, events) => {
    await expect(put(events.map(([at, text]) => [now + at, text] as const))).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
  });

  test("as much as may be is taken", async () => {
    await put([[now, "x".repeat(1_048_576 - 26)]]);
    await put(Array.from({ length: 10_000 }, () => [now, "x"] as const));
  });

  test("what is too old or too new is left out, and the rest is taken", async () => {
    const answer = await put([
      [now - 15 * DAY, "old"],
      [now - HOUR, "kept"],
      [now + 3 * HOUR, "new"],
    ]);
    expect(answer.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 2 });
    now += 1000;
    expect(await found()).toEqual(["kept"]);
  });

  test("what is older than the group keeps it has expired", async () => {
    await client.send(new PutRetentionPolicyCommand({ logGroupName: GROUP, retentionInDays: 1 }));
    const answer = await put([
      [now - 2 * DAY, "old"],
      [now, "kept"],
    ]);
    expect(answer.rejectedLogEventsInfo).toEqual({ expiredLogEventEndIndex: 1 });
    now += DAY + 1;
    expect(await found()).toEqual([]);
    const odd = new PutRetentionPolicyCommand({ logGroupName: GROUP, retentionInDays: 31 });
    await expect(client.send(odd)).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  test("a group or a stream that is not there is named", async () => {
    const missing = { name: "ResourceNotFoundException" };
    await expect(put([[now, "x"]], "other")).rejects.toMatchObject(missing);
    await expect(put([[now, "x"]], "app/i-1", "other")).rejects.toMatchObject(missing);
    const again = new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: "app/i-1" });
    await expect(client.send(again)).rejects.toMatchObject({ name: "ResourceAlreadyExistsException" });
    const colon = new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: "job:x" });
    await expect(client.send(colon)).rejects.toMatchObject({ name: "InvalidParameterException" });
  });
});

describe("what is searched", () => {
  beforeEach(async () => {
    await client.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: "access/i-1" }));
    await put([1, 3, 5, 7].map((at) => [now + at, `app ${at}`]));
    await put(
      [2, 4, 6].map((at) => [now + at, `access ${at}`]),
      "access/i-1",
    );
  });

  test("is shown after a while, of all streams by time, on pages of which the first is empty", async () => {
    expect(await found()).toEqual([]);
    now += 1000;
    const all = ["app 1", "access 2", "app 3", "access 4", "app 5", "access 6", "app 7"];
    expect(await found()).toEqual(all);
    const first = await client.send(new FilterLogEventsCommand({ logGroupName: GROUP }));
    expect([first.events, typeof first.nextToken]).toEqual([[], "string"]);
    expect(await found({ startFromHead: false, startTime: now - DAY })).toEqual([...all].reverse());
    await expect(found({ startFromHead: false })).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
  });

  test("is of some streams only, and of a time", async () => {
    now += 1000;
    expect(await found({ logStreamNamePrefix: "access/" })).toEqual(["access 2", "access 4", "access 6"]);
    expect(await found({ logStreamNames: ["app/i-1"], startTime: now - 997, endTime: now - 995 })).toEqual([
      "app 3",
      "app 5",
    ]);
    await expect(found({ logStreamNames: ["app/i-1"], logStreamNamePrefix: "a" })).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
    await expect(found({ logStreamNames: ["other"] })).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    await expect(found({ logGroupName: "other" })).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });
});

test("a group shows how long it keeps, its streams and its tags, and goes", async () => {
  const arn = `arn:aws:logs:us-east-1:123456789012:log-group:${GROUP}`;
  const groups = async () => {
    const shown: unknown[] = [];
    for await (const page of paginateDescribeLogGroups({ client }, { logGroupNamePrefix: GROUP }))
      shown.push(...(page.logGroups ?? []));
    return shown;
  };
  expect(await groups()).toEqual([]);
  now += 1000;
  await client.send(new PutRetentionPolicyCommand({ logGroupName: GROUP, retentionInDays: 30 }));
  expect(await groups()).toMatchObject([
    { logGroupName: GROUP, retentionInDays: 30, arn: `${arn}:*`, logGroupArn: arn },
  ]);
  const streams: unknown[] = [];
  for await (const page of paginateDescribeLogStreams({ client }, { logGroupName: GROUP }))
    streams.push(...(page.logStreams ?? []).map((stream) => stream.logStreamName));
  expect(streams).toEqual(["app/i-1"]);
  await client.send(new TagResourceCommand({ resourceArn: arn, tags: { b: "2" } }));
  const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn: arn }));
  expect(tags).toEqual({ a: "1", b: "2" });
  await expect(client.send(new CreateLogGroupCommand({ logGroupName: GROUP }))).rejects.toMatchObject({
    name: "ResourceAlreadyExistsException",
  });
  await client.send(new DeleteLogGroupCommand({ logGroupName: GROUP }));
  expect(await groups()).toEqual([]);
  await expect(client.send(new DeleteLogGroupCommand({ logGroupName: GROUP }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});
