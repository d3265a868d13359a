import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClients } from "../../../agent/aws/clients.ts";
import { createMail } from "../../../agent/aws/sns.ts";
import { topicArn } from "../../../agent/site/names.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";

let cloud: Cloud;
const topic = topicArn("blog", "123456789012", "us-east-1");
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud.close());

const key = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
const mailer = (credentials: object = key) => {
  const whole = { ...key, sessionToken: undefined as never, expiration: new Date(2e12), ...credentials };
  const clients = createClients({
    region: "us-east-1",
    account: "123456789012",
    credentials: async () => whole,
  });
  return createMail(clients, topic, { AWS_ENDPOINT_URL: cloud.endpoint });
};

test("mails whoever agreed to be mailed, and no one else; what AWS refuses is said in its words", async () => {
  await expect(mailer()("everspot blog: disk", "full")).rejects.toMatchObject({
    message: "SNS: Topic does not exist",
    resource: topic,
  });
  const sns = new SNSClient({ endpoint: cloud.endpoint, region: "us-east-1", credentials: key });
  await sns.send(new CreateTopicCommand({ Name: "everspot-blog" }));
  for (const Endpoint of ["ann@example.com", "bob@example.com"])
    await sns.send(new SubscribeCommand({ TopicArn: topic, Protocol: "email", Endpoint }));
  sns.destroy();
  cloud.sns.confirm("ann@example.com");
  cloud.sns.mails.length = 0;
  await mailer()("everspot blog: disk", "the disk is 91 % full & more = trouble\nüber Nacht");
  expect(cloud.sns.mails).toEqual([
    {
      to: "ann@example.com",
      subject: "everspot blog: disk",
      text: "the disk is 91 % full & more = trouble\nüber Nacht",
    },
  ]);
  await expect(mailer({ secretAccessKey: "wrong" })("a", "b")).rejects.toThrow(/SNS: .*signature/i);
  expect(cloud.faults()).toEqual([]);
});
