import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  ListTagsForResourceCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";
import { ManualClock } from "./manual-clock.ts";

const TopicArn = "arn:aws:sns:us-east-1:123456789012:news";
const clock = new ManualClock();
let cloud: Cloud;
let client: SNSClient;
beforeAll(async () => {
  cloud = await startCloud({ clock });
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
  client = new SNSClient({ endpoint: cloud.endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  await client.send(new CreateTopicCommand({ Name: "news", Tags: [{ Key: "a", Value: "b" }] }));
});
afterAll(async () => {
  client.destroy();
  await cloud.close();
});
const subscribe = (Endpoint: string) =>
  client.send(new SubscribeCommand({ TopicArn, Protocol: "email", Endpoint }));
const list = async () =>
  (await client.send(new ListSubscriptionsByTopicCommand({ TopicArn }))).Subscriptions ?? [];

test("a topic is made once; its tags are told, and those of none are an error", async () => {
  await client.send(new CreateTopicCommand({ Name: "news", Tags: [{ Key: "a", Value: "b" }] }));
  expect(cloud.sns.topics.size).toBe(1);
  await expect(
    client.send(new CreateTopicCommand({ Name: "news", Tags: [{ Key: "a", Value: "c" }] })),
  ).rejects.toMatchObject({ name: "InvalidParameterException" });
  const tags = await client.send(new ListTagsForResourceCommand({ ResourceArn: TopicArn }));
  expect(tags.Tags).toEqual([{ Key: "a", Value: "b" }]);
  await expect(
    client.send(new ListTagsForResourceCommand({ ResourceArn: `${TopicArn}2` })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

test("who has not agreed gets nothing, cannot be taken off, and is forgotten after two days", async () => {
  expect((await subscribe("ann@example.com")).SubscriptionArn).toBe("pending confirmation");
  expect(cloud.sns.mails).toMatchObject([{ to: "ann@example.com" }]);
  await client.send(new PublishCommand({ TopicArn, Subject: "s", Message: "m" }));
  expect(cloud.sns.mails).toHaveLength(1);
  const [pending] = await list();
  expect(pending?.SubscriptionArn).toBe("PendingConfirmation");
  await expect(
    client.send(new UnsubscribeCommand({ SubscriptionArn: pending?.SubscriptionArn })),
  ).rejects.toMatchObject({ name: "InvalidParameterException" });
  await clock.advance(48 * 3600_000);
  expect(await list()).toEqual([]);
});

test("who agreed gets what is published, until taken off", async () => {
  await subscribe("ann@example.com");
  cloud.sns.confirm("ann@example.com");
  cloud.sns.mails.length = 0;
  await subscribe("ann@example.com");
  await client.send(new PublishCommand({ TopicArn, Subject: "s", Message: "m" }));
  expect(cloud.sns.mails).toEqual([{ to: "ann@example.com", subject: "s", text: "m" }]);
  await client.send(new UnsubscribeCommand({ SubscriptionArn: (await list())[0]?.SubscriptionArn }));
  expect(await list()).toEqual([]);
});

test.each([
  ["a subject of two lines", { Subject: "a\nb", Message: "m" }],
  ["a subject that is no ASCII", { Subject: "über", Message: "m" }],
  ["a subject of 100", { Subject: "a".repeat(100), Message: "m" }],
  ["nothing to say", { Message: "" }],
])("%s is refused", async (_, what) => {
  await expect(client.send(new PublishCommand({ TopicArn, ...what }))).rejects.toMatchObject({
    name: "InvalidParameterException",
  });
});

test("lists come in pages", async () => {
  cloud.sns.pageSize = 2;
  for (const name of ["a", "b", "c"]) await subscribe(`${name}@example.com`);
  const first = await client.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  expect(first.Subscriptions).toHaveLength(2);
  const { NextToken } = first;
  const second = await client.send(new ListSubscriptionsByTopicCommand({ TopicArn, NextToken }));
  expect(second.Subscriptions).toHaveLength(1);
  expect(cloud.faults()).toEqual([]);
});
